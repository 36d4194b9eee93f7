#!/usr/bin/env python3
"""What the query of apps/flights must answer, worked out row by row, sharing no code with it.

So many files an epoch, in order of names. The watermark of an epoch is the largest event time of the
epochs before it less two hours, and never falls. At the end of an epoch the windows that end at or
before its watermark are written and forgotten; a row is late when its window was due in the epoch
before. A last epoch without data writes what the last file made due.
"""
import collections
import datetime
import json
import pathlib

DELAY_MS = 2 * 3600 * 1000
HOUR_MS = 3600 * 1000


def milliseconds(text):
    time = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return int(time.replace(tzinfo=datetime.timezone.utc).timestamp()) * 1000


def text(ms):
    time = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Answer:
    """Rows as sorted-key JSON texts, in multisets."""

    def __init__(self):
        self.rows_read = 0
        self.windows = collections.Counter()
        self.flights_written = 0
        self.late_rows = collections.Counter()
        self.late_groups = 0
        self.open = collections.Counter()  # What the state holds at the end.
        self.open_windows = 0
        self.open_rows = 0


def window_row(origin, start, delays):
    """mean_delay is the sum of whole minutes over their number: one rounding, as in the engine."""
    known = [d for d in delays if d is not None]
    return canonical_window({
        "origin": origin,
        "window": {"start": text(start), "end": text(start + HOUR_MS)},
        "flights": len(delays),
        "mean_delay": sum(known) / len(known) if known else None,
        "worst_delay": max(known) if known else None,
    })


def canonical_window(row):
    row = {key: value for key, value in row.items() if value is not None}
    if "mean_delay" in row:
        row["mean_delay"] = float(row["mean_delay"])
    return json.dumps(row, sort_keys=True)


def canonical_late(row):
    """Of a late row the columns that the query reads."""
    return json.dumps({key: row.get(key) for key in ("scheduled", "delay", "origin")},
                      sort_keys=True)


def expected(directory, files_per_epoch=1):
    answer = Answer()
    groups = {}
    largest = None
    watermark = 0  # Of the epoch before, then of the epoch itself.
    files = [path.read_text(encoding="utf-8").splitlines()
             for path in sorted(pathlib.Path(directory).glob("*.jsonl"))]
    epochs = [sum(files[i:i + files_per_epoch], []) for i in range(0, len(files), files_per_epoch)]
    for lines in epochs + [[]]:
        late_keys = set()
        next_watermark = max(watermark, largest - DELAY_MS) if largest is not None else watermark
        for line in lines:
            row = json.loads(line)
            time = milliseconds(row["scheduled"])
            key = (row["origin"], time // HOUR_MS * HOUR_MS)
            answer.rows_read += 1
            largest = time if largest is None else max(largest, time)
            if key[1] + HOUR_MS <= watermark:
                answer.late_rows[canonical_late(row)] += 1
                late_keys.add(key)
            else:
                groups.setdefault(key, []).append(row["delay"])
        answer.late_groups += len(late_keys)
        watermark = next_watermark
        for key in [k for k in groups if k[1] + HOUR_MS <= watermark]:
            delays = groups.pop(key)
            answer.windows[window_row(key[0], key[1], delays)] += 1
            answer.flights_written += len(delays)
    answer.open.update(window_row(*key, delays) for key, delays in groups.items())
    answer.open_windows = len(groups)
    answer.open_rows = sum(len(delays) for delays in groups.values())
    return answer


def read_output(directory, canonical):
    """The rows of an output directory; every visible file must be whole."""
    rows = collections.Counter()
    for path in sorted(pathlib.Path(directory).glob("part-*.jsonl")):
        content = path.read_text(encoding="utf-8")
        if not content:
            raise AssertionError(f"{path} is empty")
        if not content.endswith("\n"):
            raise AssertionError(f"{path} ends inside a line")
        for line in content.splitlines():
            rows[canonical(json.loads(line))] += 1
    return rows


if __name__ == "__main__":
    import sys
    found = expected(sys.argv[1])
    print(f"read {found.rows_read}, windows {sum(found.windows.values())} holding "
          f"{found.flights_written}, late {sum(found.late_rows.values())} rows "
          f"{found.late_groups} groups, open {found.open_windows} windows {found.open_rows} rows")
