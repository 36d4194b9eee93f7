#!/usr/bin/env python3
"""Runs flights --query weather over the bundled data and compares rows and account with a brute
force over the same files, which shares no code with it.

One file of each stream an epoch, in order of names. The watermark of an epoch is the smaller of the
two streams' largest event times of the epochs before, less two hours, and never falls. A row is late
at or before the watermark of the epoch before. A departure waits until the watermark is past its
schedule, an observation until it is an hour past its time; a departure that leaves without weather
is written without. A last epoch without data lets go what the last files made due.
"""
import argparse
import collections
import csv
import datetime
import json
import pathlib
import subprocess
import tempfile

HOUR = 3600
DELAY = 2 * HOUR
FLOATS = ("temperature", "wind_speed", "precipitation", "visibility")
DATA = pathlib.Path(__file__).resolve().parents[2] / "apps" / "flights" / "data"


def seconds(text):
    time = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return int(time.replace(tzinfo=datetime.timezone.utc).timestamp())


def departures_by_file():
    for path in sorted((DATA / "departures").iterdir()):
        yield [json.loads(line) for line in path.read_text().splitlines()]


def weather_by_file():
    for path in sorted((DATA / "weather").iterdir()):
        with path.open(newline="") as file:
            yield list(csv.DictReader(file))


def names(file, key, value):
    with (DATA / "names" / file).open(newline="") as lines:
        return {row[key]: row[value] for row in csv.DictReader(lines)}


def canonical(row):
    row = {key: value for key, value in row.items() if value is not None}
    for name in FLOATS:
        if name in row:
            row[name] = float(row[name])
    return json.dumps(row, sort_keys=True)


class Side:
    def __init__(self):
        self.total = self.late = self.gone = 0
        self.kept = []  # [time, row, matched]
        self.largest = None

    def take(self, rows, column, late_until):
        taken = []
        for row in rows:
            self.total += 1
            time = seconds(row[column])
            self.largest = time if self.largest is None else max(self.largest, time)
            if time <= late_until:
                self.late += 1
            else:
                taken.append([time, row, False])
        return taken

    def evict(self, until):
        gone = [entry for entry in self.kept if entry[0] <= until]
        self.kept = [entry for entry in self.kept if entry[0] > until]
        self.gone += len(gone)
        return gone


class Account:
    def __init__(self):
        self.departures, self.weather = Side(), Side()
        self.matched = self.padded = 0
        self.rows = collections.Counter()
        self.airlines = names("airlines.csv", "carrier", "name")
        self.airports = names("airports.csv", "faa", "name")

    def write(self, departure, observation):
        row = {name: departure[name]
               for name in ("scheduled", "delay", "flight", "carrier", "origin", "dest")}
        row["airline"] = self.airlines.get(departure["carrier"])
        row["destination"] = self.airports.get(departure["dest"])
        if observation:
            row["observed"] = observation["observed"]
            for name in FLOATS:
                row[name] = observation[name] or None
        self.rows[canonical(row)] += 1

    def join(self, departures, weather):
        stations = collections.defaultdict(list)
        for entry in weather:
            stations[entry[1]["station"]].append(entry)
        for departure in departures:
            for observation in stations[departure[1]["origin"]]:
                if departure[0] - HOUR < observation[0] <= departure[0]:
                    assert not departure[2], "one observation an hour"
                    departure[2] = True
                    self.matched += 1
                    self.write(departure[1], observation[1])

    def epoch(self, departures, weather, late_until, watermark):
        new_departures = self.departures.take(departures, "scheduled", late_until)
        new_weather = self.weather.take(weather, "observed", late_until)
        self.join(new_departures, self.weather.kept + new_weather)
        self.join([entry for entry in self.departures.kept if not entry[2]], new_weather)
        self.departures.kept += new_departures
        self.weather.kept += new_weather
        # Times are whole seconds: past means at least one.
        for entry in self.departures.evict(watermark - 1):
            if not entry[2]:
                self.padded += 1
                self.write(entry[1], None)
        self.weather.evict(watermark - HOUR)

    def next_watermark(self, watermark):
        if self.departures.largest is None or self.weather.largest is None:
            return watermark
        return max(watermark, min(self.departures.largest, self.weather.largest) - DELAY)

    def waiting(self):
        return sum(1 for entry in self.departures.kept if not entry[2])


def expected():
    account = Account()
    departures, weather = list(departures_by_file()), list(weather_by_file())
    used, watermark = 0, 0
    for epoch in range(max(len(departures), len(weather))):
        account.epoch(departures[epoch] if epoch < len(departures) else [],
                      weather[epoch] if epoch < len(weather) else [], used, watermark)
        used, watermark = watermark, account.next_watermark(watermark)
    if watermark > used:
        account.epoch([], [], used, watermark)
    return account


def check_sides(account):
    departures, weather = account.departures, account.weather
    assert (account.matched + account.padded + departures.late + account.waiting()
            == departures.total == 26308), vars(account)
    assert weather.late + weather.gone + len(weather.kept) == weather.total == 2211
    assert account.matched > 26000 and account.padded > 0 and departures.late > 0
    assert sum(account.rows.values()) == account.matched + account.padded


def run(program, work, *arguments):
    done = subprocess.run(
        [program, "--query", "weather", "--output", str(work / "output"), "--checkpoint",
         str(work / "checkpoint"), "--max-files-per-trigger", "1", "--file-order", "name",
         "--available-now", "--progress", "json", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stderr.splitlines()[-1])["totals"]


def check_run(account, totals, work):
    found = collections.Counter()
    for path in (work / "output").iterdir():
        if path.is_file() and not path.name.startswith("_"):
            found.update(canonical(json.loads(line)) for line in path.read_text().splitlines())
    missing, surplus = account.rows - found, found - account.rows
    assert not missing and not surplus, (sum(missing.values()), sum(surplus.values()),
                                         list(missing)[:2], list(surplus)[:2])
    wanted = {
        "inputRows": account.departures.total + account.weather.total,
        "outputRows": account.matched + account.padded,
        "lateRows": account.departures.late + account.weather.late,
        "stateRows": len(account.departures.kept) + len(account.weather.kept),
    }
    assert {name: totals[name] for name in wanted} == wanted, (totals, wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    options = parser.parse_args()
    account = expected()
    check_sides(account)
    for partitions in ("1", "4"):
        with tempfile.TemporaryDirectory() as directory:
            work = pathlib.Path(directory)
            check_run(account, run(options.flights, work, "--partitions", partitions), work)
            # Nothing is left to do, and nothing comes twice.
            check_run(account, run(options.flights, work, "--partitions", "3"), work)
    print(f"departures {account.departures.total} = matched {account.matched} + padded "
          f"{account.padded} + late {account.departures.late} + waiting {account.waiting()}; "
          f"weather {account.weather.total} = gone {account.weather.gone} + late "
          f"{account.weather.late} + kept {len(account.weather.kept)}")


if __name__ == "__main__":
    main()
