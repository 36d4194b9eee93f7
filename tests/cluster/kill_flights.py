#!/usr/bin/env python3
"""Kills flights with SIGKILL at random moments, restarts it with other partition counts, and
compares what it wrote with the answer worked out by brute force: the same multisets of output rows
and late rows, and an account of rows that adds up, in every run.

A kill counts when some but not all epochs were decided by then; which, the next process tells by
the first epoch that it executes.
"""
import argparse
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

import flights_oracle
from flights_process import Flights, check_account, check_answer, check_directory, data_directory

EPOCHS = 634  # One a file and one without data.


class Run:
    def __init__(self, options, seed):
        self.options = options
        self.random = random.Random(seed)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="kill-flights-", dir=options.work))
        self.processes = []
        self.kills = 0
        self.counted = 0
        self.arguments = []

    def start(self):
        process = Flights(self.options.flights, data_directory(), self.work,
                          "--partitions", str(self.random.randint(1, 8)),
                          "--threads", str(self.random.randint(1, 3)), *self.arguments)
        self.processes.append(process)
        return process

    def wait_before_kill(self, process, lines):
        process.wait_for_lines(lines, 60)

    def kill_once(self, kills):
        """Waits for a random number of epochs, or dies while it starts, and then a bit."""
        process = self.start()
        while_starting = len(self.processes) > 1 and self.random.random() < 0.2
        if while_starting:
            time.sleep(self.random.uniform(0, 0.15))
        else:
            self.wait_before_kill(process, self.random.randint(1, EPOCHS // (kills + 1)))
            time.sleep(self.random.uniform(0, 0.02))
        process.send(signal.SIGKILL)
        code = process.wait()
        if code == -signal.SIGKILL:
            self.kills += 1
        else:
            assert code == 0, f"exit code {code}: {process.complaints}"
        check_directory(self.work / "output")
        check_directory(self.work / "late")

    def execute(self, answer):
        kills = self.random.randint(2, 4)
        for _ in range(kills):
            self.kill_once(kills)
        last = self.start()
        code = last.wait()
        assert code == 0, f"exit code {code} after the kills: {last.complaints}"
        check_answer(self.work, answer)
        lines = [line for process in self.processes for line in process.lines]
        check_account(lines[-1]["totals"], answer)
        self.count_kills()

    def count_kills(self):
        """A kill counts where a later process had epochs left, and not all of them."""
        decided = EPOCHS
        for process in reversed(self.processes):
            if process is not self.processes[-1] and 0 < decided < EPOCHS:
                self.counted += 1
            first = process.first_epoch()
            decided = first if first is not None else decided


def kill(options, kind, answer):
    """So many runs of a kind; ends the process with 1 where too few kills hit."""
    kills = counted = 0
    begin = time.monotonic()
    for number in range(options.runs):
        seed = options.seed * 1_000_003 + number
        run = kind(options, seed)
        try:
            run.execute(answer)
        except BaseException:
            print(f"run {number} failed (--seed {options.seed}, run seed {seed}); its files are "
                  f"in {run.work}", flush=True)
            for process in run.processes:
                process.send(signal.SIGKILL)
            raise
        shutil.rmtree(run.work)
        kills += run.kills
        counted += run.counted
    seconds = time.monotonic() - begin
    print(f"{options.runs} runs, {kills} kills, {counted} of them between the first and the last "
          f"decision, {seconds:.0f} s: the same rows in every run")
    if counted < 0.8 * kills or kills < options.runs:
        sys.exit("too few kills came while epochs were being decided")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="where to make directories; default TMPDIR")
    options = parser.parse_args()
    kill(options, Run, flights_oracle.expected(data_directory()))


if __name__ == "__main__":
    main()
