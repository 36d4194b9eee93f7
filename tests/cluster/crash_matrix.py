#!/usr/bin/env python3
"""Lets flights die, or its disk fail, at each of its system calls that change a file, in a run of
five epochs with snapshots, on a real disk; a restart must end with exactly the rows of the brute
force, nothing undecided may be visible before, and every error must name its file.

    kill     SIGKILL before call k
    tear     half of a write, then SIGKILL
    twice    SIGKILL before call k, and again before a call of the restart
    ENOSPC   no space from call k on
    EIO      call k fails
    read     reading call k fails, in a restart behind some epochs

The calls are counted by fault_shim.cpp, over all threads. `--sample` takes so many of all cases.
"""
import argparse
import collections
import concurrent.futures
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time

import flights_oracle
from flights_process import (Flights, check_account, check_answer, check_directory, data_directory,
                             difference)

FILES = 100
FILES_PER_EPOCH = 20
LATE_FILE = 40  # Is read last: its rows are late.
EPOCHS = FILES // FILES_PER_EPOCH
KINDS = {"create", "write", "fdatasync", "fsync", "link", "unlink", "mkdir", "ftruncate", "chmod"}
NEED_SPACE = {"create", "write", "fdatasync", "link", "mkdir"}
WORDS = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}
# What may fail without harm: directories that are there, a write to the checkpoint's log, which is
# read back and tried once more, what is only removed, and the name of the lock's holder.
HARMLESS = re.compile(r"mkdir .*|(create|write|chmod|unlink) .*/checkpoint/\.tmp/.*|"
                      r"link .*/checkpoint/(log|state|meta).*|unlink .*|"
                      r"chmod .*/checkpoint/(log|state)|ftruncate .*/checkpoint/\.lock")

Case = collections.namedtuple("Case", "action call name path")


class Matrix:
    def __init__(self, options):
        self.options = options
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="crash-matrix-", dir=options.work))
        self.input = self.directory / "input"
        self.input.mkdir()
        for i, path in enumerate(sorted(pathlib.Path(data_directory()).iterdir())[:FILES]):
            name = "late.jsonl" if i == LATE_FILE else path.name
            shutil.copy(path, self.input / name)
        self.answer = flights_oracle.expected(self.input, FILES_PER_EPOCH)
        assert self.answer.late_rows and sum(self.answer.windows.values()) > 50
        self.hits = collections.Counter()
        self.unreached = collections.Counter()
        self.absorbed = collections.Counter()

    def flights(self, work, environment=None):
        return Flights(self.options.flights, str(self.input), work, "--partitions", "3",
                       "--threads", "2", "--snapshot-epochs", "2", files=FILES_PER_EPOCH,
                       environment=environment)

    def shim(self, **settings):
        return {"LD_PRELOAD": self.options.shim,
                **{f"FAULT_SHIM_{name.upper()}": str(value) for name, value in settings.items()}}

    def calls(self, log):
        """(number, name, path) of each call that a run noted."""
        found = []
        for line in log.read_text().splitlines():
            number, name, path = line.split(" ", 2)
            found.append((int(number), name, path))
        assert [call[0] for call in sorted(found)] == list(range(1, len(found) + 1))
        return sorted(found)

    def undisturbed(self, work, **settings):
        """Runs to the end under the shim; its calls."""
        log = work / "calls"
        process = self.flights(work, self.shim(log=log, **settings))
        assert process.wait() == 0, process.complaints
        self.check_end(work, process)
        return self.calls(log)

    def stopped_early(self, work):
        """Some epochs decided, the rest to come; killed, as a crash would."""
        process = self.flights(work)
        process.wait_for_lines(3, 60)
        process.send(signal.SIGKILL)
        process.wait()

    def cases(self):
        work = self.directory / "undisturbed"
        work.mkdir()
        calls = self.undisturbed(work)
        kinds = {name for _, name, _ in calls}
        assert kinds == KINDS, kinds ^ KINDS
        reading = self.directory / "reading"
        reading.mkdir()
        self.stopped_early(reading)
        reads = self.undisturbed(reading, reads=1)
        cases = []
        for number, name, path in calls:
            cases.append(Case("kill", number, name, path))
            cases.append(Case("twice", number, name, path))
            cases.append(Case("EIO", number, name, path))
            if name == "write":
                cases.append(Case("tear", number, name, path))
            if name in NEED_SPACE:
                cases.append(Case("ENOSPC", number, name, path))
        cases += [Case("read", *call) for call in reads]
        return calls, cases

    def check_end(self, work, process):
        check_answer(work, self.answer)
        check_account(process.lines[-1]["totals"], self.answer)

    def check_visible(self, work):
        """What is there is whole and right, though not all of it yet."""
        for name, canonical, wanted in (
                ("output", flights_oracle.canonical_window, self.answer.windows),
                ("late", flights_oracle.canonical_late, self.answer.late_rows)):
            check_directory(work / name)
            found = flights_oracle.read_output(work / name, canonical)
            assert found <= wanted, f"{name}: {difference(found & wanted, found)}"

    def check_error(self, case, process, code):
        """One line that names the file, the cause, and an exit code that says so."""
        action = "EIO" if case.action == "read" else case.action
        text = "\n".join(process.complaints)
        assert code in (1, 4), f"exit code {code}: {text}"
        assert re.fullmatch(r"flights: [^\n]+", text), f"not one line: {text!r}"
        assert WORDS[action] in text or "did not reach the disk" in text, text
        assert str(self.directory) in text, f"names no file: {text}"

    def run(self, case, seed):
        work = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=self.directory))
        if case.action == "read":
            self.stopped_early(work)
        action = {"read": "EIO", "twice": "kill"}.get(case.action, case.action)
        log = work / "calls"
        settings = self.shim(call=case.call, action=action, log=log,
                             reads=1 if case.action == "read" else 0)
        process = self.flights(work, settings)
        code = process.wait()
        if code == 0:
            self.check_end(work, process)
            self.ended_well(case, {number: call for number, *call in self.calls(log)})
        elif action in WORDS:
            self.check_error(case, process, code)
            self.hits[case.action] += 1
        else:
            assert code == -signal.SIGKILL, f"exit code {code}: {process.complaints}"
            self.hits[case.action] += 1
        self.check_visible(work)
        if case.action == "twice":
            restart = self.flights(work, self.shim(call=random.Random(seed).randint(1, 80),
                                                   action="kill"))
            assert restart.wait() in (0, -signal.SIGKILL), restart.complaints
            self.check_visible(work)
        last = self.flights(work)
        code = last.wait()
        assert code == 0, f"restart ended with {code}: {last.complaints}"
        self.check_end(work, last)
        shutil.rmtree(work)

    def ended_well(self, case, calls):
        """Another order of threads made fewer calls, or the failure harmed nobody."""
        if case.call not in calls or case.action in ("kill", "tear", "twice"):
            self.unreached[case.action] += 1
            return
        call = " ".join(calls[case.call])  # Of this run: threads take turns as they like.
        assert HARMLESS.fullmatch(call), f"nobody noticed the failure of {call}"
        self.absorbed[calls[case.call][0]] += 1

    def execute(self):
        calls, cases = self.cases()
        random.Random(self.options.seed).shuffle(cases)
        chosen = cases[:self.options.sample] if self.options.sample else cases
        by_name = collections.Counter(name for _, name, _ in calls)
        print(f"{len(calls)} calls in {EPOCHS} epochs: " +
              ", ".join(f"{count} {name}" for name, count in sorted(by_name.items())), flush=True)
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            running = {pool.submit(self.run, case, self.options.seed + i): case
                       for i, case in enumerate(chosen)}
            for done in concurrent.futures.as_completed(running):
                if done.exception() is not None:
                    for other in running:
                        other.cancel()
                    print(f"FAILED {running[done]} (--seed {self.options.seed}); its files are "
                          f"in {self.directory}", flush=True)
                    raise done.exception()
        shutil.rmtree(self.directory)
        return len(chosen)

    def check_reached(self, chosen):
        """A matrix that hits nothing, or whose failures vanish, shows nothing."""
        reached = sum(self.hits.values()) + sum(self.absorbed.values())
        assert reached >= 0.9 * chosen, (self.hits, self.unreached, self.absorbed)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flights", required=True, help="the program")
    parser.add_argument("--shim", required=True, help="the library made of fault_shim.cpp")
    parser.add_argument("--sample", type=int, default=0, help="so many cases; 0: all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="where to make directories; default TMPDIR")
    options = parser.parse_args()
    begin = time.monotonic()
    matrix = Matrix(options)
    chosen = matrix.execute()
    matrix.check_reached(chosen)
    counts = ", ".join(f"{count} {action}" for action, count in sorted(matrix.hits.items()))
    print(f"{chosen} cases, {time.monotonic() - begin:.0f} s: {counts}; not reached "
          f"{dict(matrix.unreached)}, failures that harmed nobody {dict(matrix.absorbed)}: the "
          "same rows each time")


if __name__ == "__main__":
    sys.exit(main())
