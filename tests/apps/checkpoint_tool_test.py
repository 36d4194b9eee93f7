#!/usr/bin/env python3
"""libstream checkpoint on checkpoints that flights wrote: what it shows is compared with the brute
force of tests/cluster, and it leaves no trace."""
import argparse
import collections
import csv
import io
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "cluster"))
import flights_oracle  # pylint: disable=wrong-import-position
from flights_process import Flights, check_answer, data_directory  # pylint: disable=wrong-import-position

FILES = 130  # More than two snapshots; retention has something to remove.
DONE, FAILED, USAGE, UNREACHABLE = 0, 1, 2, 4
OPTIONS = None


def tool(*arguments):
    return subprocess.run([OPTIONS.libstream, "checkpoint", *map(str, arguments)],
                          capture_output=True, text=True, timeout=60, check=False)


def fingerprint(directory):
    """Everything that a write would change."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode)
    return found


def canonical(lines):
    return collections.Counter(flights_oracle.canonical_window(json.loads(line)) for line in lines)


class CheckpointTool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.whole = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.whole.cleanup)
        cls.work = pathlib.Path(cls.whole.name)
        cls.input = cls.work / "input"
        cls.provide(FILES)
        process = Flights(OPTIONS.flights, str(cls.input), cls.work, "--partitions", "3")
        assert process.wait() == 0, process.complaints
        cls.progress = process.lines[-1]
        cls.answer = flights_oracle.expected(cls.input)
        cls.checkpoint = cls.work / "checkpoint"
        cls.last = FILES  # Epochs count from 0; one without data comes last.

    @classmethod
    def provide(cls, count):
        cls.input.mkdir(exist_ok=True)
        for path in sorted(pathlib.Path(data_directory()).iterdir())[:count]:
            shutil.copy(path, cls.input / path.name)

    def setUp(self):
        self.before = fingerprint(self.checkpoint)

    def tearDown(self):
        self.assertEqual(fingerprint(self.checkpoint), self.before, "a look changed something")

    def shown(self, *arguments):
        done = tool(*arguments)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), done.stdout)
        return done.stdout

    def shown_json(self, *arguments):
        return json.loads(self.shown(*arguments, "--json"))

    def copy(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        copied = pathlib.Path(directory.name) / "checkpoint"
        shutil.copytree(self.checkpoint, copied)
        return copied

    def test_list(self):
        listed = self.shown_json("list", self.checkpoint)
        self.assertEqual(listed["sources"], ["FileSource json"])
        self.assertEqual([op["name"] for op in listed["operators"]], ["stateStoreSave"])
        self.assertIn("avg(double, bigint)", listed["operators"][0]["signature"])
        entries = listed["entries"]
        self.assertEqual(entries[0]["kind"], "open")
        self.assertEqual(entries[-1]["kind"], "close")
        self.assertEqual(entries[-1]["committedThrough"], self.last)
        epochs = [entry["epoch"] for entry in entries if entry["kind"] == "epoch"]
        self.assertEqual(epochs, list(range(epochs[0], self.last + 1)))
        self.assertGreater(epochs[0], 0, "old entries were cleaned up")
        text = self.shown("list", self.checkpoint).splitlines()
        self.assertEqual(len(text), 3 + len(entries))
        self.assertIn(f"epoch {self.last} ", text[-2])

    def test_show(self):
        entry = self.shown_json("show", self.checkpoint, self.last)
        self.assertEqual(entry["sourceEnds"], [json.dumps({"files": FILES}, separators=(",", ":"))])
        for name, value in entry["totals"].items():
            self.assertEqual(self.progress["totals"][name], value, name)
        self.assertTrue(entry["noData"])
        self.assertIn("noData: true", self.shown("show", self.checkpoint, self.last))
        done = tool("show", self.checkpoint, 0)
        self.assertEqual(done.returncode, USAGE)
        self.assertRegex(done.stderr, r"epoch 0 is not in the log, which has epochs \d+ to 130")

    def test_state(self):
        rows = self.shown("state", self.checkpoint, "stateStoreSave").splitlines()
        self.assertEqual(canonical(rows), self.answer.open)
        self.assertEqual(self.shown("state", self.checkpoint, "0").splitlines(), rows)
        wanted = [row for row in rows if json.loads(row)["origin"] == "EWR"]
        self.assertTrue(wanted)
        found = self.shown("state", self.checkpoint, "0", "--key", "EWR").splitlines()
        self.assertEqual(found, wanted)
        self.assertEqual(self.shown("state", self.checkpoint, "0", "--key", "none"), "")

    def test_state_as_csv(self):
        rows = self.shown("state", self.checkpoint, "0", "--format", "csv")
        found = collections.Counter()
        for row in csv.DictReader(io.StringIO(rows)):
            found[flights_oracle.canonical_window({
                "origin": row["origin"],
                "window": {"start": row["window.start"], "end": row["window.end"]},
                "flights": int(row["flights"]),
                "mean_delay": float(row["mean_delay"]) if row["mean_delay"] else None,
                "worst_delay": int(row["worst_delay"]) if row["worst_delay"] else None})] += 1
        self.assertEqual(found, self.answer.open)

    def test_differences_lead_from_one_state_to_the_other(self):
        for begin, end in ((self.last - 3, self.last), (self.last - 1, self.last),
                           (self.last, self.last)):
            with self.subTest(f"{begin} to {end}"):
                before = canonical(self.shown("state", self.checkpoint, "0", "--epoch",
                                              begin).splitlines())
                after = canonical(self.shown("state", self.checkpoint, "0", "--epoch",
                                             end).splitlines())
                found = self.shown_json("diff", self.checkpoint, begin, end, "--rows")
                op = found["operators"][0]
                texts = {name: canonical(map(json.dumps, op[name]))
                         for name in ("addedRows", "removedRows", "before", "after")}
                self.assertEqual(before - texts["removedRows"] - texts["before"] +
                                 texts["addedRows"] + texts["after"], after)
                self.assertEqual(op["added"] + op["changed"] + op["same"], sum(after.values()))
                self.assertEqual(op["removed"] + op["changed"] + op["same"], sum(before.values()))
                self.assertEqual(begin == self.last - 3, before != after)
        self.assertIn("sourceEnds", self.shown("diff", self.checkpoint, self.last - 3, self.last))

    def test_verify(self):
        report = self.shown_json("verify", self.checkpoint)
        self.assertEqual(report["problems"], [])
        self.assertGreater(report["files"], 0)
        self.assertGreater(report["entries"], 20)
        self.assertIn("are whole", self.shown("verify", self.checkpoint))

    def test_damage_is_found_and_named(self):
        named = {part["name"]: part["crc"] for part in sum(
            self.shown_json("show", self.checkpoint, self.last)["snapshot"]["runs"], [])}
        objects = ["meta", *named]
        objects += [f"log/{path.name}" for path in sorted((self.checkpoint / "log").iterdir())[-3:]]
        for name in objects:
            copied = self.copy()
            path = copied / name
            whole = path.read_bytes()
            for damage in ("flip", "cut", "gone"):
                with self.subTest(f"{name} {damage}"):
                    if damage == "flip":
                        broken = bytearray(whole)
                        broken[len(broken) // 2] ^= 4
                        path.write_bytes(broken)
                    elif damage == "cut":
                        path.write_bytes(whole[:-1])
                    else:
                        path.unlink()
                    done = tool("verify", copied, "--json")
                    if damage == "gone" and name == objects[-1]:
                        # Of the last entry nothing tells that it was ever there.
                        self.assertEqual(done.returncode, DONE)
                        continue
                    self.assertEqual(done.returncode, FAILED)
                    problems = json.loads(done.stdout)["problems"]
                    self.assertTrue(any(name in problem["object"] + problem["message"]
                                        for problem in problems), problems)

    def test_refusals(self):
        for arguments, code, words in (
                (("list", self.work / "nothing"), UNREACHABLE, "no checkpoint"),
                (("list", self.input), UNREACHABLE, "meta is missing"),
                (("state", self.checkpoint, "count"), USAGE, "0 (stateStoreSave)"),
                (("state", self.checkpoint, "0", "--epoch", 3), USAGE, "epoch 3 is not there"),
                (("clean", self.checkpoint), USAGE, "--keep"),
                (("clean", self.checkpoint, "--keep", 0), USAGE, "--keep"),
                (("list",), USAGE, "directory")):
            done = tool(*arguments)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(words, done.stderr)
        self.assertFalse((self.work / "nothing").exists())


class LiveCheckpoint(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)
        self.checkpoint = self.work / "checkpoint"

    def flights(self, *arguments):
        return Flights(OPTIONS.flights, data_directory(), self.work, *arguments)

    def copy(self):
        """A copy that was not overtaken by the query's own clean-up while it was made."""
        for attempt in range(10):
            copied = self.work / f"copy{attempt}"
            subprocess.run(["cp", "-r", self.checkpoint, copied], stderr=subprocess.DEVNULL,
                           check=False)
            if tool("verify", copied).returncode == DONE:
                return copied
        self.fail("no copy is whole")

    def test_a_query_at_work(self):
        answer = flights_oracle.expected(data_directory())
        process = self.flights()
        self.addCleanup(process.send, signal.SIGKILL)
        self.assertTrue(process.wait_for_lines(60, 60))
        for _ in range(4):
            report = tool("verify", self.checkpoint, "--json")
            self.assertEqual(report.returncode, DONE, report.stdout)
        refused = tool("clean", self.checkpoint, "--keep", 1, "--remove")
        self.assertEqual(refused.returncode, FAILED, refused.stdout)
        self.assertIn("is in use by process", refused.stderr)

        copied = self.copy()
        listed = json.loads(tool("list", copied, "--json").stdout)
        newest = listed["entries"][-1]["epoch"]
        self.assertGreater(newest, 40)
        state = tool("state", copied, "stateStoreSave")
        self.assertEqual(state.returncode, DONE, state.stderr)
        shown = json.loads(tool("show", copied, newest, "--json").stdout)
        self.assertEqual(len(state.stdout.splitlines()), shown["totals"]["stateRows"])

        process.send(signal.SIGKILL)
        process.wait()
        self.clean_up()
        last = self.flights()
        self.assertEqual(last.wait(), DONE, last.complaints)
        check_answer(self.work, answer)

    def clean_up(self):
        """Told to, it removes what it said, and nothing that a restart needs."""
        before = fingerprint(self.checkpoint)
        wanted = json.loads(tool("clean", self.checkpoint, "--keep", 1, "--json").stdout)
        self.assertEqual(fingerprint(self.checkpoint), before)
        self.assertFalse(wanted["removed"])
        self.assertTrue(wanted["entries"])
        done = tool("clean", self.checkpoint, "--keep", 1, "--remove")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        left = {path.name for path in (self.checkpoint / "log").iterdir()}
        for index in wanted["entries"]:
            self.assertNotIn(f"{index:020}", left)
        for name in wanted["files"] + wanted["unnamed"]:
            self.assertFalse((self.checkpoint / name).exists(), name)
        report = json.loads(tool("verify", self.checkpoint, "--json").stdout)
        self.assertEqual((report["problems"], report["unnamed"]), ([], []))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True)
    parser.add_argument("--libstream", required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
