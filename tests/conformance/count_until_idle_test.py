"""count_until_idle under a clock that stands: random rows and times, worked out by a loop over keys.

The rules: a key's function sees all rows of an epoch in one call, which clears its timeout, counts
and sets it anew to 10 s behind the epoch's time. Then each key without rows whose timeout lies
strictly before the epoch's time is called once more, tells its count and is gone. An epoch without
rows comes where a timeout is over, unless no_data_batches is off."""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

IDLE = 10_000
SCENARIOS = 20


class Keys:
    def __init__(self):
        self.counts = {}
        self.due = {}
        self.epochs = 0

    def over(self, now):
        return any(due < now for due in self.due.values())

    def epoch(self, keys, now):
        rows = []
        for key in sorted(set(keys)):
            self.counts[key] = self.counts.get(key, 0) + keys.count(key)
            self.due[key] = now + IDLE
            rows.append([key, self.counts[key], "data"])
        gone = [key for key in self.due if self.due[key] < now and key not in keys]
        for key in gone:
            rows.append([key, self.counts.pop(key), "timeout"])
            del self.due[key]
        self.epochs += 1
        state = {"total": len(self.counts), "updated": len(set(keys)), "removed": len(gone),
                 "dropped": 0}
        return {"batch": self.epochs - 1, "rows": rows, "state": [state]}


def scenario(seed):
    chance = random.Random(seed)
    no_data = chance.random() < 0.8
    keys = Keys()
    now = 1_000_000
    steps = []
    timeouts = 0
    for _ in range(25):
        step = {}
        if chance.random() < 0.8:
            # Often just at a timeout, or just behind it.
            due = chance.choice(sorted(keys.due.values()) or [now])
            now = max(now, due + chance.choice([-1, 0, 1, 1, 500]),
                      now + chance.choice([0, 1, 3_000, 9_000]))
            step["clock"] = now
        added = [chance.choice("abcdef") for _ in range(chance.choice([0, 1, 2, 5]))]
        if added:
            step["add"] = {"t": [["1970-01-01T00:00:00Z", key, 1] for key in added]}
        if chance.random() < 0.2 or (added and keys.over(now)):
            step["restart"] = True
        runs = added or (no_data and keys.over(now))
        step["expect"] = [keys.epoch(added, now)] if runs else []
        timeouts += sum(row[2] == "timeout" for epoch in step["expect"] for row in epoch["rows"])
        steps.append(step)
    groups = {"key": ["k"], "function": "count_until_idle", "timeout": "processing",
              "mode": "update"}
    return timeouts, {
        "name": f"count-until-idle/{seed}",
        "streams": {"t": {"schema": "ts timestamp, k string, v bigint"}},
        "topology": {"from": "t", "do": [{"flat_map_groups": groups}]},
        "output_mode": "update",
        "conf": {"clock": 1_000_000, "no_data_batches": no_data},
        "columns": ["k", "n", "status"],
        "steps": steps,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--libstream", required=True)
    tool = parser.parse_args().libstream
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        timeouts = 0
        for seed in range(SCENARIOS):
            fired, written = scenario(seed)
            timeouts += fired
            (folder / f"{seed:03}.json").write_text(json.dumps(written))
        assert timeouts > 3 * SCENARIOS, timeouts

        def replay(*arguments):
            done = subprocess.run([tool, "replay", str(folder), *arguments], capture_output=True,
                                  text=True, timeout=300, check=False)
            return done.returncode, done.stdout.splitlines()

        for partitions in ("1", "3", "8"):
            for restarts in ([], ["--restart-everywhere"]):
                code, lines = replay("--partitions", partitions, *restarts)
                assert code == 0 and lines[-1] == f"{SCENARIOS} passed, 0 failed", "\n".join(lines)

        # A timeout that the rules do not give must be missed.
        path = folder / "000.json"
        wrong = json.loads(path.read_text())
        for step in wrong["steps"]:
            for epoch in step["expect"]:
                epoch["rows"] = [row for row in epoch["rows"] if row[2] == "data"]
        path.write_text(json.dumps(wrong))
        code, lines = replay()
        assert code == 1 and "rows: expected" in "\n".join(lines), lines

        # A clock that goes back, or that nothing starts, is no scenario.
        for change in ({"clock": 1_000_001}, {}):
            wrong["conf"] = change
            wrong["steps"] = [{"clock": 1_000_000, "expect": []}]
            path.write_text(json.dumps(wrong))
            done = subprocess.run([tool, "replay", str(path)], capture_output=True, text=True,
                                  timeout=60, check=False)
            assert done.returncode != 0 and "which conf must start" in done.stderr, done
    return 0


if __name__ == "__main__":
    sys.exit(main())
