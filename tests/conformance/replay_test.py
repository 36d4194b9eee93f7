"""The tool finds every kind of difference: scenarios changed in one place each must fail there."""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent


def epochs(scenario, step=0):
    return scenario["steps"][step]["expect"]


def wrong_row(scenario):
    epochs(scenario, 1)[1]["rows"][0][1] += 1


def missing_row(scenario):
    epochs(scenario, 1)[1]["rows"].clear()


def repeated_row(scenario):
    rows = epochs(scenario, 1)[1]["rows"]
    rows.append(rows[0])


def wrong_type(scenario):
    epochs(scenario, 1)[1]["rows"][0][1] = "1"


def wrong_watermark(scenario):
    epochs(scenario)[1]["watermark"] += 1


def wrong_number(scenario):
    epochs(scenario)[1]["batch"] = 7


def missing_epoch(scenario):
    epochs(scenario).pop()


def further_epoch(scenario):
    epochs(scenario).append({"batch": 2, "rows": []})


def counter(name):
    def change(scenario):
        epochs(scenario)[0]["state"][0][name] += 1

    return change


def further_operator(scenario):
    epochs(scenario)[0]["state"].append({"total": 0})


def wrong_columns(scenario):
    scenario["columns"] = ["w", "m"]


def no_failure(scenario):
    scenario["steps"][2] = {"add": scenario["steps"][2]["add"], "fail": "must not come"}


def no_rejection(scenario):
    del scenario["steps"]
    scenario["rejected"] = "must not come"


CHANGES = {
    wrong_row: "step 1, epoch 3, rows: expected",
    missing_row: "step 1, epoch 3, rows: expected no rows",
    repeated_row: "step 1, epoch 3, rows: expected",
    wrong_type: "step 1, epoch 3, types: expected",
    wrong_watermark: "step 0, epoch 1, watermark: expected 7001, got 7000",
    wrong_number: "step 0, epoch 7, number: expected 7, got 1",
    missing_epoch: "step 0, epochs: expected 1, got 2",
    further_epoch: "step 0, epochs: expected 3, got 2",
    counter("total"): "step 0, epoch 0, state of operator 0 (stateStoreSave), total: expected 2",
    counter("updated"): "updated: expected 2, got 1",
    counter("removed"): "removed: expected 1, got 0",
    counter("dropped"): "dropped: expected 1, got 0",
    further_operator: "stateful operators: expected 2, got 1",
    wrong_columns: "columns: expected m",
    no_failure: "step 2, error: expected the query to fail",
    no_rejection: "start, error: expected a refusal",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--libstream", required=True)
    tool = parser.parse_args().libstream

    def replay(*arguments):
        result = subprocess.run([tool, "replay", *map(str, arguments)], capture_output=True,
                                text=True, timeout=60)
        return result.returncode, result.stdout.splitlines()

    right = json.loads((HERE / "spark/aggregation/append-boundary.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        path = folder / "scenario.json"
        path.write_text(json.dumps(right))
        assert replay(path) == (0, ["pass aggregation/append-boundary", "1 passed, 0 failed"])

        for change, expected in CHANGES.items():
            scenario = copy.deepcopy(right)
            change(scenario)
            path.write_text(json.dumps(scenario))
            code, lines = replay(path)
            assert code == 1 and len(lines) == 2, (expected, code, lines)
            assert lines[0].startswith("fail aggregation/append-boundary: "), lines
            assert expected in lines[0], (expected, lines)
            assert lines[1] == "0 passed, 1 failed", lines

        listed = folder / "list.txt"
        listed.write_text("# a list\naggregation/append-boundary nothing\n")
        path.write_text(json.dumps(right))
        code, lines = replay(path, "--unsupported", listed)
        assert code == 1 and "remove it there" in lines[0], lines

        report = folder / "report.xml"
        code, lines = replay(HERE / "spark/rejected", "--filter", "*/sort-a*", "--junit", report)
        assert code == 0 and lines[-1] == "1 passed, 0 failed", lines
        suite = xml.etree.ElementTree.parse(report).getroot()
        assert suite.get("tests") == "1" and suite.get("failures") == "0"
        assert replay(HERE / "spark/rejected", "--filter", "none")[0] == 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
