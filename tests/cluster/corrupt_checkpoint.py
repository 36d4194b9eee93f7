#!/usr/bin/env python3
"""Single bits flipped in every kind of file of a checkpoint that flights wrote: a restart must end
with one line that names the file, never with a crash or as if nothing were wrong."""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

KINDS = {"M": "meta", "E": "entry of the log", "C": "changelog", "R": "run of a snapshot"}
FAILED = 1


class Flips:
    def __init__(self, options):
        self.options = options
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="corrupt-", dir=options.work))
        self.checkpoint = self.work / "checkpoint"
        done = self.flights(self.checkpoint)
        assert done.returncode == 0, done.stderr
        self.objects = collections.defaultdict(list)
        for name in self.needed():
            kind = chr((self.checkpoint / name).read_bytes()[7])
            self.objects[kind].append(name)
        assert set(self.objects) == set(KINDS), self.objects

    def flights(self, checkpoint):
        """One task, whose changes are too large for an entry."""
        return subprocess.run(
            [self.options.flights, "--query", "weather", "--output", str(self.work / "output"),
             "--checkpoint", str(checkpoint), "--max-files-per-trigger", "120", "--file-order",
             "name", "--available-now", "--progress", "off", "--partitions", "1",
             "--snapshot-epochs", "3"],
            capture_output=True, text=True, timeout=60, check=False)

    def tool(self, *arguments):
        done = subprocess.run([self.options.libstream, "checkpoint", *map(str, arguments), "--json"],
                              capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def needed(self):
        """What a restart reads: meta, the log, the newest snapshot, the changelogs behind it."""
        names = {"meta"}
        entries = self.tool("list", self.checkpoint)["entries"]
        names.update(f"log/{entry['index']:020}" for entry in entries)
        epochs = [self.tool("show", self.checkpoint, entry["epoch"])
                  for entry in entries if entry["kind"] == "epoch"]
        snapshot = epochs[-1]["snapshot"]
        names.update(file["name"] for run in snapshot["runs"] for file in run)
        for epoch in epochs:
            if epoch["epoch"] > snapshot["epoch"]:
                names.update(task["file"]["name"] for task in epoch["changes"] if "file" in task)
        return sorted(names)

    def flip(self, name, seed):
        chance = random.Random(seed)
        copied = pathlib.Path(tempfile.mkdtemp(prefix="copy-", dir=self.work)) / "checkpoint"
        shutil.copytree(self.checkpoint, copied)
        path = copied / name
        broken = bytearray(path.read_bytes())
        bit = chance.randrange(len(broken) * 8)
        broken[bit // 8] ^= 1 << bit % 8
        path.write_bytes(broken)
        done = self.flights(copied)
        place = f"{name}, bit {bit} (seed {seed}): {done.returncode}, {done.stderr!r}"
        assert done.returncode == FAILED, place
        assert done.stderr.startswith("flights: ") and done.stderr.count("\n") == 1, place
        assert path.name in done.stderr and "CRC" in done.stderr, place
        shutil.rmtree(copied.parent)

    def execute(self):
        chance = random.Random(self.options.seed)
        chosen = [(chance.choice(names), chance.getrandbits(48))
                  for names in self.objects.values() for _ in range(self.options.flips)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(self.flip, *one) for one in chosen]:
                done.result()
        shutil.rmtree(self.work)
        return len(chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    parser.add_argument("--libstream", required=True, help="the tool")
    parser.add_argument("--flips", type=int, default=100, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="where to make directories; default TMPDIR")
    options = parser.parse_args()
    begin = time.monotonic()
    flips = Flips(options).execute()
    print(f"{flips} flipped bits in {len(KINDS)} kinds of files, {time.monotonic() - begin:.0f} s: "
          "all noticed, each file named")


if __name__ == "__main__":
    sys.exit(main())
