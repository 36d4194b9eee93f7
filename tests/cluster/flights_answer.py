#!/usr/bin/env python3
"""Runs flights once over the bundled data and compares rows and account with the brute force."""
import argparse
import pathlib
import tempfile

import flights_oracle
from flights_process import Flights, check_account, check_answer, data_directory


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    options = parser.parse_args()
    answer = flights_oracle.expected(data_directory())
    # The figures that the README and the quickstart show.
    assert (answer.rows_read, sum(answer.windows.values()), answer.flights_written,
            sum(answer.late_rows.values()), answer.late_groups, answer.open_windows,
            answer.open_rows) == (26308, 1625, 26109, 111, 104, 8, 88)
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        process = Flights(options.flights, data_directory(), work)
        code = process.wait()
        assert code == 0, f"exit code {code}: {process.complaints}"
        check_answer(work, answer)
        check_account(process.lines[-1]["totals"], answer)
        again = Flights(options.flights, data_directory(), work)
        assert again.wait() == 0, again.complaints
        check_answer(work, answer)
        check_account(again.lines[-1]["totals"], answer)


if __name__ == "__main__":
    main()
