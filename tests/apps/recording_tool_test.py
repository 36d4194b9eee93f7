#!/usr/bin/env python3
"""`libstream recording` on recordings of flights and ads: what it prints, makes and refuses."""
import argparse
import collections
import json
import pathlib
import subprocess
import tempfile

DATA = pathlib.Path(__file__).parents[2] / "apps" / "flights" / "data" / "departures"


class Work:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory

    def path(self, name):
        return str(self.directory / name)

    def tool(self, *arguments, code=0):
        done = subprocess.run([self.options.libstream, "recording", *arguments],
                              capture_output=True, text=True, check=False)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def flights(self, name, *arguments):
        """Runs flights; the hashes of its epochs."""
        done = subprocess.run(
            [self.options.flights, "--output", self.path(name + "/output"), "--checkpoint",
             self.path(name + "/checkpoint"), "--late", self.path(name + "/late"),
             "--available-now", "--progress", "json", "--hashes", *arguments],
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        return [line["hashes"] for line in lines if line["executed"]]

    def info(self, name):
        return json.loads(self.tool("info", self.path(name), "--json"))["sources"]

    def rows(self, name):
        lines = self.tool("export", "json", self.path(name)).splitlines()
        return collections.Counter(lines)


def input_rows():
    """The three columns that flights reads, as the json sink writes them."""
    rows = collections.Counter()
    for path in sorted(DATA.iterdir()):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            kept = {name: row[name] for name in ("scheduled", "delay", "origin")
                    if row.get(name) is not None}
            rows[json.dumps(kept, separators=(",", ":"))] += 1
    return rows


def check_prints(work):
    (source,) = work.info("all")
    assert source["name"] == "departures" and source["kind"] == "FileSource json", source
    assert source["rows"] == sum(input_rows().values())
    assert source["epochs"][0]["start"] == "" and source["epochs"][0]["trigger"] == "available now"
    assert source["epochs"][-1]["noData"] and source["epochs"][-1]["rows"] == 0
    text = work.tool("info", work.path("all"))
    last = len(source["epochs"]) - 1
    assert f"epochs    0-{last}\n" in text, text
    head = work.tool("head", work.path("all"), "--rows", "3").splitlines()
    assert head[0] == source["schema"] and len(head) == 4, head
    found = work.rows("all")
    assert found == input_rows(), (list((found - input_rows()).items())[:2],
                                   list((input_rows() - found).items())[:2])
    assert "whole" in work.tool("verify", work.path("all"))


def check_cut_and_merge(work, hashes):
    work.tool("cut", work.path("all"), work.path("front"), "--to", "4")
    work.tool("cut", work.path("all"), work.path("back"), "--from", "5")
    assert [len(work.info(name)[0]["epochs"]) for name in ("front", "back")] == [5, len(hashes) - 5]
    work.tool("merge", work.path("whole"), work.path("back"), work.path("front"))
    assert work.rows("whole") == work.rows("all")
    assert work.info("whole")[0]["epochs"] == work.info("all")[0]["epochs"]
    assert work.flights("again", "--replay", work.path("whole")) == hashes
    assert work.flights("part", "--replay", work.path("front")) == hashes[:5]
    recut = work.flights("recut", "--replay", work.path("all"), "--replay-epoch-rows", "1000")
    assert len(recut) >= 27 and recut != hashes
    # What does not fit together.
    message = work.tool("merge", work.path("no"), work.path("all"), work.path("front"), code=1)
    assert "epoch 0 of departures is in" in message, message
    message = work.tool("cut", work.path("all"), work.path("front"), "--to", "1", code=1)
    assert "has a recording already" in message, message
    message = work.tool("cut", work.path("all"), work.path("no"), "--from", "9999", code=2)
    assert "no epoch from 9999" in message, message
    message = work.tool("cut", work.path("all"), work.path("no"), "--from", "3", "--to", "2", code=2)
    assert "is behind" in message, message


def check_sources(work):
    """Sources of two recordings side by side, with the epochs of both."""
    done = subprocess.run([work.options.ads, "generate", "--impressions", "2000", "--output",
                           work.path("ads-input")], check=False)
    assert done.returncode == 0
    done = subprocess.run(
        [work.options.ads, "run", "--input", work.path("ads-input"), "--output",
         work.path("ads/output"), "--checkpoint", work.path("ads/checkpoint"), "--available-now",
         "--max-files-per-trigger", "1", "--record", work.path("ads-recording")], check=False)
    assert done.returncode == 0
    assert [source["name"] for source in work.info("ads-recording")] == ["clicks", "impressions"]
    work.tool("merge", work.path("both"), work.path("all"), work.path("ads-recording"))
    sources = work.info("both")
    assert [source["name"] for source in sources] == ["clicks", "departures", "impressions"]
    assert len({len(source["epochs"]) for source in sources}) == 1
    assert any(epoch["idle"] for source in sources for epoch in source["epochs"])
    message = work.tool("head", work.path("both"), code=2)
    assert "clicks, departures, impressions" in message, message
    assert len(work.tool("head", work.path("both"), "--source", "clicks").splitlines()) == 11
    # Replayed, the two streams give the pairs that the generator knows.
    done = subprocess.run(
        [work.options.ads, "run", "--input", work.path("nowhere"), "--output",
         work.path("ads-again/output"), "--checkpoint", work.path("ads-again/checkpoint"),
         "--replay", work.path("ads-recording"), "--partitions", "3"], check=False)
    assert done.returncode == 0
    found = [sorted(line for path in pathlib.Path(work.path(name + "/output")).glob("part-*")
                    for line in path.read_text().splitlines()) for name in ("ads", "ads-again")]
    assert found[0] == found[1] and found[0], "other pairs"


def check_damage(work):
    path = pathlib.Path(work.path("all")) / "departures" / "000000.segment"
    whole = path.read_bytes()
    path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 4]) + whole[5001:])
    message = work.tool("verify", work.path("all"), code=1)
    assert str(path) in message and "damaged" in message, message
    path.write_bytes(whole)
    work.tool("verify", work.path("all"))
    (work.directory / "empty").mkdir()
    assert "no recording" in work.tool("info", work.path("empty"), code=4)
    work.tool("info", work.path("absent"), code=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("libstream", "flights", "ads"):
        parser.add_argument("--" + name, required=True, help="the program")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        work = Work(options, pathlib.Path(directory))
        hashes = work.flights("first", "--max-files-per-trigger", "50", "--file-order", "name",
                              "--record", work.path("all"))
        check_prints(work)
        check_cut_and_merge(work, hashes)
        check_sources(work)
        check_damage(work)


if __name__ == "__main__":
    main()
