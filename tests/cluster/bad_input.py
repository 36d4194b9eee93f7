#!/usr/bin/env python3
"""Faults from outside, on the real program: each gives one clear error and the right exit code, and
once it is gone the next run ends with exactly the rows of an undisturbed one."""
import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

DATA = pathlib.Path(__file__).parents[2] / "apps" / "flights" / "data" / "departures"
FILES = 40
FIRST = 30  # Files that are there before a fault in the middle.
DONE, FAILED, USAGE, INCOMPATIBLE, UNREACHABLE = range(5)
ROOT = os.geteuid() == 0
NOBODY = 65534
PROGRAM = ""


def rows(directory):
    """The multiset of lines of all output files; each must be whole."""
    found = collections.Counter()
    for path in directory.glob("part-*.jsonl"):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n"), path
        found.update(text.splitlines())
    for line in found:
        json.loads(line)
    return found


class BadInput(unittest.TestCase):
    reference = None

    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.work = pathlib.Path(self._directory.name)
        self.input = self.work / "input"
        self.input.mkdir()

    def provide(self, begin, end):
        for path in sorted(DATA.iterdir())[begin:end]:
            shutil.copy(path, self.input / path.name)

    def command(self, *arguments, **directories):
        """`directories`: other places than those below `work`."""
        command = [PROGRAM]
        for name in ("input", "output", "late", "checkpoint"):
            command += ["--" + name, str(directories.get(name, self.work / name))]
        return [*command, "--max-files-per-trigger", "1", "--file-order", "name", "--available-now",
                "--progress", "off", *arguments]

    def flights(self, *arguments, command=None):
        return subprocess.run(command or self.command(*arguments), capture_output=True, text=True,
                              timeout=60, check=False)

    def assert_error(self, done, code, *words):
        """One line that names the thing and what to do."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, r"\Aflights: [^\n]+\n\Z")
        for word in words:
            self.assertIn(str(word), done.stderr)

    def assert_completes(self, *arguments):
        done = self.flights(*arguments)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        for name in ("output", "late"):
            self.assertEqual(rows(self.work / name), self.wanted()[name], name)
            left = [path for path in (self.work / name / "_staging").iterdir()
                    if path.name != "query"]
            self.assertEqual(left, [])

    def undisturbed(self):
        with tempfile.TemporaryDirectory() as directory:
            work = pathlib.Path(directory)
            (work / "input").mkdir()
            for path in sorted(DATA.iterdir())[:FILES]:
                shutil.copy(path, work / "input" / path.name)
            names = ("input", "output", "late", "checkpoint")
            done = self.flights(command=self.command(**{name: work / name for name in names}))
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            found = {name: rows(work / name) for name in ("output", "late")}
            self.assertGreater(len(found["output"]), 50)
            self.assertGreater(len(found["late"]), 0)
            return found

    def test_a_missing_input_directory(self):
        self.input.rmdir()
        self.assert_error(self.flights(), UNREACHABLE, self.input)
        self.input.mkdir()
        self.provide(0, FILES)
        self.assert_completes()

    def test_a_directory_among_the_input_files_is_not_read(self):
        self.provide(0, FILES)
        (self.input / "0000.jsonl").mkdir()
        self.assert_completes()

    def as_nobody(self):
        """The command of a user without rights; root can read and write anything."""
        if not ROOT:
            return self.command()
        program = self.work / "flights"
        shutil.copy(PROGRAM, program)
        program.chmod(0o755)
        self.work.chmod(0o755)
        for name in ("input", "output", "late", "checkpoint"):
            path = self.work / name
            path.mkdir(exist_ok=True)
            os.chown(path, NOBODY, NOBODY)
        self.input.chmod(0o755)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", str(program),
                *self.command()[1:]]

    def nobody_completes(self, command):
        done = self.flights(command=command)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assert_completes()  # Nothing is left to do, as the owner of all.

    def test_a_file_that_cannot_be_read(self):
        self.provide(0, FILES)
        unreadable = sorted(self.input.iterdir())[FIRST]
        command = self.as_nobody()
        unreadable.chmod(0)
        self.assert_error(self.flights(command=command), UNREACHABLE, unreadable,
                          "Permission denied", "readable")
        unreadable.chmod(0o644)
        self.nobody_completes(command)

    def test_an_input_directory_that_cannot_be_listed(self):
        self.provide(0, FILES)
        command = self.as_nobody()
        self.input.chmod(0)
        self.assert_error(self.flights(command=command), UNREACHABLE, self.input,
                          "Permission denied")
        self.input.chmod(0o755)
        self.nobody_completes(command)

    def test_directories_that_cannot_be_written(self):
        self.provide(0, FILES)
        command = self.as_nobody()
        for name, code in (("checkpoint", FAILED), ("output", UNREACHABLE), ("late", UNREACHABLE)):
            path = self.work / name
            path.chmod(0o555)
            self.assert_error(self.flights(command=command), code, path, "Permission denied",
                              "writable")
            path.chmod(0o755)
        self.nobody_completes(command)

    def test_an_output_that_becomes_read_only_in_the_middle(self):
        self.provide(0, FIRST)
        command = self.as_nobody()
        self.assertEqual(self.flights(command=command).returncode, DONE)
        self.provide(FIRST, FILES)
        (self.work / "output").chmod(0o555)
        (self.work / "output" / "_staging").chmod(0o555)
        self.assert_error(self.flights(command=command), FAILED, self.work / "output",
                          "Permission denied", "writable")
        (self.work / "output").chmod(0o755)
        (self.work / "output" / "_staging").chmod(0o755)
        self.nobody_completes(command)

    def test_a_full_disk(self):
        # The checkpoint's disk is full from the start, or fills up on the way.
        for name, size in (("output", "120k"), ("checkpoint", "120k"), ("checkpoint", "160k")):
            with self.subTest(name + " " + size):
                self.full_disk(name, size)

    def full_disk(self, name, size):
        shutil.rmtree(self.work)
        self.input.mkdir(parents=True)
        self.provide(0, FILES)
        disk = self.work / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", str(disk)]
        mounted = ROOT and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        if not mounted:
            print("SKIPPED: a full disk needs the right to mount one", file=sys.stderr)
            self.skipTest("no right to mount a small disk")
        try:
            command = self.command(**{name: disk / name})
            full = self.flights(command=command)
            self.assert_error(full, FAILED, disk / name, "No space left on device", "space")
            again = self.flights(command=command)
            self.assertNotEqual(again.returncode, DONE)
            self.assertIn("No space left on device", again.stderr)
            subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
            done = self.flights(command=command)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""))
            output = disk / name if name == "output" else self.work / "output"
            self.assertEqual(rows(output), self.wanted()["output"])
            self.assertEqual(rows(self.work / "late"), self.wanted()["late"])
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def wanted(self):
        if BadInput.reference is None:
            BadInput.reference = self.undisturbed()
        return BadInput.reference

    def test_a_second_process_on_the_checkpoint(self):
        self.provide(0, FIRST)
        running = [argument for argument in self.command() if argument != "--available-now"]
        running[running.index("off")] = "json"
        with subprocess.Popen(running, stderr=subprocess.PIPE, text=True) as first:
            first.stderr.readline()
            second = self.flights()
            first.send_signal(signal.SIGTERM)
            first.stderr.read()
            self.assertEqual(first.wait(30), DONE)
        self.assert_error(second, FAILED, self.work / "checkpoint", f"process {first.pid} on",
                          "stop it first")
        self.provide(FIRST, FILES)
        self.assert_completes()

    def corrupt(self, path, *words):
        """One bit flipped in the middle of a file, then put right."""
        whole = path.read_bytes()
        broken = bytearray(whole)
        broken[len(broken) // 2] ^= 0x10
        path.write_bytes(broken)
        self.assert_error(self.flights(), FAILED, path.relative_to(self.work / "checkpoint"),
                          "CRC", *words)
        path.write_bytes(whole)

    def test_a_corrupt_checkpoint(self):
        self.provide(0, FIRST)
        self.assertEqual(self.flights("--snapshot-epochs", "4").returncode, DONE)
        self.provide(FIRST, FILES)
        checkpoint = self.work / "checkpoint"
        log = sorted((checkpoint / "log").iterdir())
        # Files of a snapshot that came too late for the last decision count for nothing.
        last = log[-2].read_bytes()
        state = [path for path in (checkpoint / "state").iterdir() if path.name.encode() in last]
        self.assertTrue(state)
        self.corrupt(log[-2], "epoch")  # The last decision; behind it is the clean end.
        self.corrupt(checkpoint / "meta")
        for path in state:
            self.corrupt(path, "epoch")
        self.assert_completes()

    def test_a_checkpoint_file_that_was_cut(self):
        self.provide(0, FIRST)
        self.assertEqual(self.flights().returncode, DONE)
        self.provide(FIRST, FILES)
        for path in (sorted((self.work / "checkpoint" / "log").iterdir())[-2],
                     self.work / "checkpoint" / "meta"):
            whole = path.read_bytes()
            for size in (0, len(whole) // 2):
                path.write_bytes(whole[:size])
                self.assert_error(self.flights(), FAILED, path.name, "CRC")
            path.write_bytes(whole)
        self.assert_completes()

    def test_a_checkpoint_of_another_query(self):
        self.provide(0, FIRST)
        self.assertEqual(self.flights().returncode, DONE)
        self.provide(FIRST, FILES)
        self.assert_error(self.flights("--mode", "complete"), INCOMPATIBLE,
                          self.work / "checkpoint")
        # The outputs belong to the query of the first checkpoint.
        self.assert_error(self.flights(command=self.command(checkpoint=self.work / "other")), INCOMPATIBLE,
                          self.work / "output", "belongs to query")
        self.assert_completes()

    def test_wrong_usage(self):
        for arguments, words in ((["--no-such-option"], ["--no-such-option"]),
                                 (["--trigger-interval", "soon"], ["soon"]),
                                 (["--partitions", "none"], ["none"])):
            command = self.command()
            command.remove("--available-now")
            done = self.flights(command=command + arguments)
            self.assertEqual(done.returncode, USAGE, done.stderr)
            for word in words:
                self.assertIn(word, done.stderr)
        self.assertFalse((self.work / "checkpoint").exists())
        self.assertFalse((self.work / "output").exists())
        self.provide(0, FILES)
        self.assert_completes()

    def test_malformed_lines_are_counted_and_stop_nothing(self):
        self.provide(0, FILES)
        lines = ['{"scheduled": "2013-01-01T05:00:00Z", "delay": ', "nothing", "[1]", "\x00",
                 '{"scheduled": "2013-01-01T05:00:00Z", "delay": "much", "origin": "EWR"}',
                 '{"scheduled": 12:30}']
        middle = sorted(self.input.iterdir())[FIRST]
        text = middle.read_text(encoding="utf-8")
        middle.write_text("\n".join(lines) + "\n" + text, encoding="utf-8")
        command = self.command()
        command[command.index("off")] = "json"
        done = self.flights(command=command)
        self.assertEqual(done.returncode, DONE, done.stderr)
        progress = [json.loads(line) for line in done.stderr.splitlines()]
        totals = progress[-1]["totals"]
        self.assertEqual(totals["malformedRows"], len(lines))
        held = totals["lateRows"] + totals["heldRows"] + totals["filteredRows"]
        written = sum(json.loads(row)["flights"] * times
                      for row, times in rows(self.work / "output").items())
        self.assertEqual(totals["inputRows"], held + written)
        self.assert_completes()

    def test_a_signal_ends_at_an_epoch_boundary(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                shutil.rmtree(self.work)
                self.input.mkdir(parents=True)
                self.provide(0, FILES)
                command = self.command()
                command[command.index("off")] = "json"
                with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
                    for _ in range(5):
                        process.stderr.readline()
                    process.send_signal(number)
                    process.stderr.read()
                    self.assertEqual(process.wait(30), DONE)
                done = rows(self.work / "output")
                self.assertLessEqual(done, self.wanted()["output"])
                left = [path.name for path in (self.work / "output" / "_staging").iterdir()]
                self.assertEqual(left, ["query"])
                self.assert_completes()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.flights
    unittest.main(argv=[__file__, *rest])
