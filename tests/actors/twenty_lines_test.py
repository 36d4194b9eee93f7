#!/usr/bin/env python3
"""The twenty-line program of the documentation compiles as written, and answers."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROWS = [("a", "2026-01-01T00:01:00Z", 1.0), ("a", "2026-01-01T00:07:00Z", 3.0),
        ("b", "2026-01-01T00:02:00Z", 8.0)]
# Windows of ten minutes every five: minute 1 is in those that begin at -5 and 0, 7 at 0 and 5.
# The console cuts long cells.
WANTED = sorted([("a", "{2025-12-31T23:55...", "1.0", "1"), ("a", "{2026-01-01T00:00...", "2.0", "2"),
                 ("a", "{2026-01-01T00:05...", "3.0", "1"), ("b", "{2025-12-31T23:55...", "8.0", "1"),
                 ("b", "{2026-01-01T00:00...", "8.0", "1")])


def answers(text):
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|"))
            for line in text.splitlines() if line.startswith("|") and "window" not in line]
    return sorted(rows) == WANTED


with tempfile.TemporaryDirectory() as name:
    directory = pathlib.Path(name)
    (directory / "readings").mkdir()
    with open(directory / "readings" / "one.json", "w", encoding="utf-8") as file:
        for sensor, when, value in ROWS:
            file.write(json.dumps({"sensorId": sensor, "eventTime": when, "value": value}) + "\n")
    output = directory / "output"
    with open(output, "wb") as sink:
        program = subprocess.Popen([sys.argv[1]], cwd=directory, stdout=sink, stderr=sink)
    try:
        deadline = time.monotonic() + 30
        while not answers(output.read_text(encoding="utf-8")):
            if time.monotonic() > deadline or program.poll() is not None:
                sys.exit(f"the answer is not there:\n{output.read_text(encoding='utf-8')}")
            time.sleep(0.05)
    finally:
        program.kill()
        program.wait()
