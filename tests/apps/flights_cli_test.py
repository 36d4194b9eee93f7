#!/usr/bin/env python3
"""What flights does with wrong options, missing directories, other queries' outputs and signals."""
import argparse
import json
import pathlib
import signal
import subprocess
import tempfile
import unittest

DATA = pathlib.Path(__file__).parents[2] / "apps" / "flights" / "data" / "departures"
PROGRAM = ""


class FlightsTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.work = pathlib.Path(self._directory.name)

    def command(self, *arguments):
        return [PROGRAM, "--output", str(self.work / "output"), "--checkpoint",
                str(self.work / "checkpoint"), *arguments]

    def run_flights(self, *arguments):
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=60,
                              check=False)

    def few_files(self, count):
        """A directory with the first files of the bundled data."""
        directory = self.work / "input"
        directory.mkdir()
        for path in sorted(DATA.iterdir())[:count]:
            (directory / path.name).write_bytes(path.read_bytes())
        return str(directory)

    def test_wrong_options_are_usage_errors(self):
        for arguments in (["--no-such-option"], ["--mode", "sometimes"], ["--partitions", "0"],
                          ["--trigger-interval", "soon"], ["--file-order", "size"],
                          ["--available-now", "--trigger-interval", "1s"]):
            done = self.run_flights(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stderr))
            self.assertIn("flights:", done.stderr)

    def test_help_ends_well(self):
        done = self.run_flights("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("--max-files-per-trigger", done.stdout)

    def test_a_missing_input_directory_is_named(self):
        missing = str(self.work / "nowhere")
        done = self.run_flights("--input", missing, "--available-now")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(missing, done.stderr)

    def test_an_output_that_cannot_be_a_directory_is_named(self):
        (self.work / "output").write_text("in the way")
        done = self.run_flights("--input", self.few_files(1), "--available-now")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(str(self.work / "output"), done.stderr)

    def test_the_output_of_another_query_is_refused(self):
        data = self.few_files(2)
        self.assertEqual(self.run_flights("--input", data, "--available-now").returncode, 0)
        done = self.run_flights("--input", data, "--available-now", "--checkpoint",
                                str(self.work / "other-checkpoint"))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn(str(self.work / "output"), done.stderr)

    def test_a_second_process_on_the_checkpoint_is_refused(self):
        data = self.few_files(1)
        with subprocess.Popen(self.command("--input", data, "--progress", "json"),
                              stderr=subprocess.PIPE, text=True) as first:
            first.stderr.readline()
            done = self.run_flights("--input", data, "--available-now")
            first.send_signal(signal.SIGTERM)
            self.assertEqual(first.wait(30), 0)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(str(self.work / "checkpoint"), done.stderr)

    def test_a_malformed_line_is_counted_and_stops_nothing(self):
        data = self.few_files(1)
        with (pathlib.Path(data) / "9999.jsonl").open("w", encoding="utf-8") as file:
            file.write('{"scheduled": "2013-01-01T10:00:00Z", "delay": \n')
        done = self.run_flights("--input", data, "--available-now", "--progress", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        totals = json.loads(done.stderr.splitlines()[-1])["totals"]
        self.assertEqual(totals["malformedRows"], 1)

    def test_modes_write_their_rows(self):
        data = self.few_files(3)
        rows = {}
        for mode in ("update", "complete"):
            output = str(self.work / mode)
            done = self.run_flights("--input", data, "--mode", mode, "--max-files-per-trigger", "1",
                                    "--file-order", "name", "--available-now", "--output", output,
                                    "--checkpoint", str(self.work / f"{mode}-checkpoint"))
            self.assertEqual(done.returncode, 0, done.stderr)
            rows[mode] = {}
            for path in sorted(pathlib.Path(output).glob("part-*.jsonl")):
                epoch = int(path.name.split("-")[1])
                for line in path.read_text(encoding="utf-8").splitlines():
                    row = json.loads(line)
                    key = (row["origin"], row["window"]["start"])
                    kept = rows[mode].get(key, (-1, None))
                    rows[mode][key] = max(kept, (epoch, row["flights"]))
        flights = {mode: sum(value[1] for value in found.values()) for mode, found in rows.items()}
        lines = sum(len(path.read_text(encoding="utf-8").splitlines())
                    for path in pathlib.Path(data).iterdir())
        self.assertEqual(flights, {"update": lines, "complete": lines})

    def test_sigterm_ends_at_an_epoch_boundary_and_the_next_start_reads_on(self):
        arguments = ["--max-files-per-trigger", "1", "--file-order", "name", "--progress", "json"]
        with subprocess.Popen(self.command("--trigger-interval", "20ms", *arguments),
                              stderr=subprocess.PIPE, text=True) as first:
            heard = [json.loads(first.stderr.readline()) for _ in range(5)]
            first.send_signal(signal.SIGTERM)
            heard += [json.loads(line) for line in first.stderr]
            self.assertEqual(first.wait(30), 0)
        done = self.run_flights("--available-now", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertEqual(lines[0]["batchId"], heard[-1]["batchId"] + 1)
        self.assertEqual(lines[-1]["totals"]["inputRows"], 26308)
        self.assertEqual(lines[-1]["totals"]["outputRows"], 1625)

    def test_a_second_signal_ends_at_once(self):
        with subprocess.Popen(self.command("--progress", "json", "--input", self.few_files(1)),
                              stderr=subprocess.PIPE, text=True) as process:
            process.stderr.readline()
            process.send_signal(signal.SIGSTOP)  # Both are pending when it goes on.
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)
            self.assertEqual(process.wait(30), 128 + signal.SIGTERM)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.flights
    unittest.main(argv=[__file__, *rest])
