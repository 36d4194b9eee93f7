#!/usr/bin/env python3
"""Runs queries of nexmark over a million events and lets the program compare every row with plain
loops over the same events. Those over event time see 100 s of it, those by day nearly three hours
around a midnight."""
import argparse
import json
import subprocess
import unittest

EVENTS = 1_000_000
PROGRAM = ""


def run(*arguments):
    return subprocess.run([PROGRAM, "--check", "--generate", "--partitions", "2", *arguments],
                          capture_output=True, text=True, timeout=600, check=False)


class NexmarkOracleTest(unittest.TestCase):
    def check_queries(self, queries, rate, epoch_events):
        for query in queries:
            with self.subTest(query=query):
                done = run("--query", query, "--events", str(EVENTS), "--rate", str(rate),
                           "--epoch-events", str(epoch_events))
                self.assertEqual(done.returncode, 0, done.stderr)
                line = json.loads(done.stdout)
                self.assertEqual((line["query"], line["check"]), (query, "ok"))
                self.assertGreater(line["rows_out"], 0)

    def test_windows(self):
        self.check_queries(["q5", "q7", "q11", "q12"], 10_000, 150_000)

    def test_days(self):
        self.check_queries(["q15", "q16", "q17"], 100, 400_000)

    def test_best_rows_of_each_key(self):
        self.check_queries(["q18", "q19"], 1_000, 300_000)

    def test_joins(self):
        self.check_queries(["q3", "q8", "q9", "q20"], 10_000, 150_000)

    def test_a_check_over_nothing_fails(self):
        # A second of events closes no window, so that there is nothing to compare.
        done = run("--query", "q7", "--events", "10000", "--rate", "10000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("too few events", done.stderr)

    def test_a_query_without_an_oracle_is_refused(self):
        done = run("--query", "q0", "--events", "1000")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no oracle for q0", done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nexmark", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.nexmark
    unittest.main(argv=[__file__, *rest])
