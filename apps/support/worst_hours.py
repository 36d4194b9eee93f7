#!/usr/bin/env python3
"""Prints the ten worst hours of an output directory of flights, and how many flights it holds."""
import json
import pathlib
import sys


def main():
    directory = pathlib.Path(sys.argv[1])
    windows = []
    for path in sorted(directory.glob("part-*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            windows.extend(json.loads(line) for line in lines)
    windows.sort(key=lambda w: (-w["mean_delay"], w["window"]["start"], w["origin"]))
    print("The ten worst hours, by mean delay in minutes:")
    print(f"{'hour (UTC)':<17} {'origin':<6} {'flights':>7} {'mean':>7} {'worst':>6}")
    for w in windows[:10]:
        hour = w["window"]["start"].replace("T", " ")[:16]
        print(f"{hour:<17} {w['origin']:<6} {w['flights']:>7} {w['mean_delay']:>7.1f} "
              f"{w['worst_delay']:>6}")
    flights = sum(w["flights"] for w in windows)
    print(f"\nThe output files hold {len(windows):,} windows with {flights:,} flights.")


if __name__ == "__main__":
    main()
