#!/usr/bin/env python3
"""Runs ads over what its generator wrote and lets it compare the rows with what the seed says; and
checks that the comparison finds what is wrong."""
import argparse
import json
import pathlib
import signal
import subprocess
import tempfile
import unittest

PROGRAM = ""
GENERATOR = ["--impressions", "3000", "--hours", "12"]


class AdsTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.work = pathlib.Path(self._directory.name)

    def ads(self, *arguments, code=0):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                              check=False)
        self.assertEqual(done.returncode, code, (arguments, done.stderr[-2000:]))
        return done

    def generate(self, *arguments):
        done = self.ads("generate", "--output", str(self.work / "in"), *GENERATOR, *arguments)
        return json.loads(done.stdout)

    def run_command(self, name, *arguments):
        return ["run", "--input", str(self.work / "in"), "--output", str(self.work / name),
                "--checkpoint", str(self.work / (name + "-checkpoint")), "--available-now",
                *arguments]

    def check(self, name, *arguments, code=0):
        return self.ads("check", "--output", str(self.work / name), *GENERATOR, *arguments,
                        code=code)

    def test_both_types_give_what_the_seed_says(self):
        known = self.generate()
        self.assertGreater(known["pairs"], 500)
        self.assertGreater(known["unclicked"], 500)
        for index, (kind, partitions, files) in enumerate(
                [("inner", "1", "0"), ("left_outer", "1", "0"), ("left_outer", "3", "1"),
                 ("inner", "3", "7"), ("left_outer", "8", "7")]):
            name = f"out{index}"
            done = self.ads(*self.run_command(name, "--type", kind, "--partitions", partitions,
                                              "--max-files-per-trigger", files))
            self.assertIn("late rows: 0", done.stderr)
            # The two rows that close the run are never let go.
            self.assertIn("rows kept: 2", done.stderr)
            found = json.loads(self.check(name, "--type", kind).stdout)
            self.assertEqual(found["pairs"], known["pairs"])
            self.assertEqual(found["unclicked"], known["unclicked"] if kind != "inner" else 0)

    def test_a_killed_run_goes_on_where_it_was(self):
        self.generate("--seed", "2")
        command = [PROGRAM, *self.run_command("out", "--max-files-per-trigger", "1")]
        for _ in range(3):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                process.wait(0.15)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.communicate()
        self.ads(*command[1:])
        self.check("out", "--seed", "2")

    def test_the_check_finds_missing_and_surplus_rows(self):
        self.generate()
        self.ads(*self.run_command("out"))
        self.check("out")
        parts = [path for path in (self.work / "out").iterdir()
                 if path.is_file() and path.stat().st_size > 0 and path.name[0] != "_"]
        lines = parts[0].read_text().splitlines(keepends=True)
        parts[0].write_text("".join(lines[1:]))
        self.assertIn("is missing", self.check("out", code=1).stderr)
        parts[0].write_text("".join(lines + lines[:1]))
        self.assertIn("should not be there", self.check("out", code=1).stderr)
        self.assertIn("missing", self.check("out", "--seed", "3", code=1).stderr)

    def test_explain_tells_how_long_each_side_is_kept(self):
        self.generate()
        done = self.ads(*self.run_command("out", "--explain"))
        self.assertIn("kept until the watermark passes", done.stderr)

    def test_what_exists_is_not_overwritten(self):
        self.generate()
        done = self.ads("generate", "--output", str(self.work / "in"), *GENERATOR, code=1)
        self.assertIn("exists", done.stderr)
        self.ads("run", "--type", "full_outer", code=2)
        self.ads(code=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ads", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.ads
    unittest.main(argv=[__file__, *rest])
