"""Starts the flights program for tests, reads its progress and checks what it left behind."""
import json
import os
import pathlib
import re
import subprocess
import threading

import flights_oracle

PART = re.compile(r"part-\d+-\d+\.jsonl")
ANSWER_TOTALS = ("inputRows", "outputRows", "lateRows", "droppedGroups", "stateRows", "heldRows")


class Flights:
    """One process over the directories output, late and checkpoint below `work`.

    `files`: an epoch's. `environment`: variables that it gets on top.
    """

    def __init__(self, program, data, work, *arguments, files=1, environment=None):
        self.lines = []  # Progress, as parsed JSON.
        self.complaints = []  # Any other line of stderr.
        self._heard = threading.Condition()
        self._process = subprocess.Popen(
            [program, "--input", data, "--output", str(work / "output"), "--late",
             str(work / "late"), "--checkpoint", str(work / "checkpoint"),
             "--max-files-per-trigger", str(files), "--file-order", "name", "--available-now",
             "--progress", "json", *arguments],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=None if environment is None else {**os.environ, **environment})
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._process.stderr:
            with self._heard:
                try:
                    self.lines.append(json.loads(line))
                except json.JSONDecodeError:  # A message, or a line cut off by a kill.
                    self.complaints.append(line.rstrip("\n"))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def wait_for_lines(self, count, timeout):
        """True once that many lines came; False when the process ended before."""
        ended = lambda: not self._reader.is_alive()
        with self._heard:
            self._heard.wait_for(lambda: len(self.lines) >= count or ended(), timeout)
            return len(self.lines) >= count

    @property
    def pid(self):
        return self._process.pid

    def poll(self):
        return self._process.poll()

    def send(self, signal):
        self._process.send_signal(signal)

    def wait(self, timeout=600):
        code = self._process.wait(timeout)
        self._reader.join()
        return code

    def first_epoch(self):
        """The first epoch that this process executed: so many were decided before it."""
        executed = [line["batchId"] for line in self.lines if line["executed"]]
        return executed[0] if executed else None


def check_directory(directory):
    """Whatever a reader sees is whole: names, line ends, JSON."""
    if not directory.exists():
        return
    for path in directory.iterdir():
        if path.name.startswith("_"):
            continue
        assert PART.fullmatch(path.name), f"unexpected file {path}"
    flights_oracle.read_output(directory, lambda row: "")


def difference(found, wanted):
    missing, surplus = wanted - found, found - wanted
    if not missing and not surplus:
        return ""
    return (f"{sum(missing.values())} rows missing, {sum(surplus.values())} too many; "
            f"missing {list(missing)[:2]}, too many {list(surplus)[:2]}")


def check_answer(work, answer):
    """The multisets of output and late rows, and nothing left staged."""
    for name, canonical, wanted in (
            ("output", flights_oracle.canonical_window, answer.windows),
            ("late", flights_oracle.canonical_late, answer.late_rows)):
        check_directory(work / name)
        wrong = difference(flights_oracle.read_output(work / name, canonical), wanted)
        assert not wrong, f"{name}: {wrong}"
        staged = [path for path in (work / name / "_staging").rglob("*")
                  if path.is_file() and path.name != "query"]  # That one names the owner.
        assert not staged, f"left staged: {staged[:3]}"


def check_account(totals, answer):
    """in = windows + late + open, as the program itself counts."""
    wanted = dict(zip(ANSWER_TOTALS, (
        answer.rows_read, sum(answer.windows.values()), sum(answer.late_rows.values()),
        answer.late_groups, answer.open_windows, answer.open_rows)))
    found = {name: totals.get(name) for name in ANSWER_TOTALS}
    assert found == wanted, f"account: {found}, expected {wanted}"
    assert answer.rows_read == (answer.flights_written + sum(answer.late_rows.values()) +
                                answer.open_rows)


def data_directory():
    return str(pathlib.Path(__file__).parents[2] / "apps" / "flights" / "data" / "departures")
