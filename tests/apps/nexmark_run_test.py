#!/usr/bin/env python3
"""Runs every query of nexmark over a few events and compares its JSON line with the same query
worked out on other partition and thread counts: rows and checksum may not depend on them."""
import argparse
import json
import subprocess
import unittest

KEYS = ["query", "events", "seconds", "cpu_seconds", "events_per_cpu_second", "rows_out",
        "checksum", "peak_rss_bytes", "reference_events_per_cpu_second"]
EVENTS = 500_000
PROGRAM = ""


def nexmark(*arguments):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, (arguments, done.stderr)
    assert len(done.stdout.splitlines()) == 1, done.stdout
    return json.loads(done.stdout)


class NexmarkTest(unittest.TestCase):
    def check_query(self, query, rows):
        plain = nexmark("--query", query, "--events", str(EVENTS))
        self.assertEqual(list(plain), KEYS)
        self.assertEqual((plain["query"], plain["events"]), (query, EVENTS))
        self.assertTrue(rows(plain["rows_out"]), plain)
        self.assertGreater(plain["reference_events_per_cpu_second"],
                           plain["events_per_cpu_second"])
        for arguments in (["--threads", "2"], ["--partitions", "3"], ["--generate"]):
            other = nexmark("--query", query, "--events", str(EVENTS), *arguments)
            self.assertEqual((other["rows_out"], other["checksum"]),
                             (plain["rows_out"], plain["checksum"]), arguments)
        seeded = nexmark("--query", query, "--events", str(EVENTS), "--seed", "2")
        self.assertNotEqual(seeded["checksum"], plain["checksum"])

    def test_q0_passes_all_bids(self):
        self.check_query("q0", lambda rows: rows == EVENTS * 46 // 50)

    def test_q1_converts_all_bids(self):
        self.check_query("q1", lambda rows: rows == EVENTS * 46 // 50)

    def test_q2_selects_some_bids(self):
        # Half of the bids go to auctions whose ids are multiples of 100, plus 1000.
        self.check_query("q2", lambda rows: 0 < rows < EVENTS // 20)

    def test_q13_gives_every_bid_a_value(self):
        self.check_query("q13", lambda rows: rows == EVENTS * 46 // 50)

    def test_wordcount_counts_each_word(self):
        self.check_query("wordcount", lambda rows: 9_000 < rows <= 10_000)

    def test_an_unknown_query_is_a_usage_error(self):
        done = subprocess.run([PROGRAM, "--query", "q99"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("q99", done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nexmark", required=True)
    options, rest = parser.parse_known_args()
    PROGRAM = options.nexmark
    unittest.main(argv=[__file__, *rest])
