#!/usr/bin/env python3
"""The word count of the examples: counts go on where the last run ended."""
import argparse
import pathlib
import subprocess
import tempfile

parser = argparse.ArgumentParser()
parser.add_argument("--program", required=True)
PROGRAM = parser.parse_args().program

with tempfile.TemporaryDirectory() as name:
    directory = pathlib.Path(name)
    (directory / "texts").mkdir()

    def counts(number, text):
        (directory / "texts" / f"{number}.txt").write_text(text, encoding="utf-8")
        done = subprocess.run([PROGRAM, directory / "texts", directory / "checkpoint"],
                              capture_output=True, text=True, check=True)
        return done.stdout

    first = counts(1, "To be, or not to be:\nthat is the question.\n")
    assert first == "be 2 | is 1 | not 1 | or 1 | question 1 | that 1 | the 1 | to 2\n", first
    second = counts(2, "be that\n")
    assert second == "be 3 | is 1 | not 1 | or 1 | question 1 | that 2 | the 1 | to 2\n", second
