#!/usr/bin/env python3
"""Cuts the power while flights runs: an ext4 file system on a loop device is shut down without
flushing its journal (EXT4_IOC_SHUTDOWN), so that everything which was not synced is gone, mounted
again, and the program started again. No decision that was told of may be lost, what is visible must
be whole, and in the end there are exactly the rows of the brute force.

The writers are stopped before the cut, else one could tell of an epoch that the cut took. Needs
root, loop devices and ext4; where they are missing it says so and ends with 77.
"""
import argparse
import fcntl
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import flights_oracle
from flights_process import (Flights, check_account, check_answer, check_directory, data_directory)

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2
SKIPPED = 77
FILES = 100
EPOCHS = FILES + 1  # One without data.
IMAGE_BYTES = 64 << 20


class Unable(Exception):
    pass


def command(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unable(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")


class Disk:
    """A small disk whose power can be cut."""

    def __init__(self, directory):
        self.image = directory / "image"
        self.place = directory / "disk"
        self.place.mkdir()
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        command("mkfs.ext4", "-q", self.image)
        self.mount()

    def mount(self):
        command("mount", "-o", "loop", self.image, self.place)

    def unmount(self):
        for _ in range(50):
            try:
                return command("umount", self.place)
            except Unable as error:
                failure = error  # A thread that was killed may take a moment to let go.
                time.sleep(0.02)
        raise failure

    def cut(self):
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            raise Unable(f"EXT4_IOC_SHUTDOWN: {error}") from error
        finally:
            os.close(descriptor)


def wait_until_stopped(pid):
    """Of all threads, those in a system call too."""
    for _ in range(500):
        states = []
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            status = (task / "status").read_text(encoding="utf-8")
            states.append(status.split("State:\t", 1)[1][0])
        if all(state in "TZ" for state in states):
            return
        time.sleep(0.002)
    raise AssertionError(f"process {pid} does not stop")


class Cuts:
    def __init__(self, options, directory):
        self.options = options
        self.disk = Disk(directory)
        self.input = directory / "input"
        self.input.mkdir()
        for path in sorted(pathlib.Path(data_directory()).iterdir())[:FILES]:
            shutil.copy(path, self.input / path.name)
        self.answer = flights_oracle.expected(self.input)
        self.random = random.Random(options.seed)
        self.cuts = self.between = self.told = 0

    def flights(self, work):
        return Flights(self.options.flights, str(self.input), work, "--snapshot-epochs",
                       str(self.random.randint(2, 20)), "--partitions",
                       str(self.random.randint(1, 8)), "--threads", "2")

    def cut_once(self, work, decided):
        """One process until the cut. `decided`: so many epochs were told of before it. Returns how
        many are now."""
        process = self.flights(work)
        process.wait_for_lines(self.random.randint(0, 40), 60)
        time.sleep(self.random.uniform(0, 0.02))
        if process.poll() is None:
            process.send(signal.SIGSTOP)
            wait_until_stopped(process.pid)
        self.disk.cut()
        process.send(signal.SIGKILL)
        code = process.wait()
        assert code in (0, -signal.SIGKILL), process.complaints
        self.disk.unmount()
        self.disk.mount()
        self.cuts += 1
        self.check_first(process, decided)
        for name in ("output", "late"):
            check_directory(work / name)
        executed = [line["batchId"] for line in process.lines if line["executed"]]
        decided = max([decided, *(number + 1 for number in executed)])
        self.between += 0 < decided < EPOCHS
        return decided

    def check_first(self, process, decided):
        first = process.first_epoch()
        assert first is None or first >= decided, (
            f"{decided} epochs had been told of, the restart began at {first}")
        self.told += first is not None

    def run(self, number):
        work = self.disk.place / f"run{number}"
        work.mkdir()
        os.sync()
        decided = 0
        for _ in range(self.random.randint(2, 4)):
            decided = self.cut_once(work, decided)
        last = self.flights(work)
        code = last.wait()
        assert code == 0, last.complaints
        self.check_first(last, decided)
        check_answer(work, self.answer)
        check_account(last.lines[-1]["totals"], self.answer)
        shutil.rmtree(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="where to make the image; default TMPDIR")
    options = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="power-cut-", dir=options.work))
    begin = time.monotonic()
    try:
        cuts = Cuts(options, directory)
        cuts.disk.cut()
        cuts.disk.unmount()
        cuts.disk.mount()
    except (Unable, FileNotFoundError) as error:
        print(f"SKIPPED: no power can be cut here ({error})")
        shutil.rmtree(directory, ignore_errors=True)
        return SKIPPED
    runs = 0
    try:
        while cuts.cuts < options.cuts:
            runs += 1
            cuts.run(runs)
    except BaseException:
        print(f"run {runs} failed (--seed {options.seed}); its disk is {cuts.disk.image}",
              flush=True)
        raise
    finally:
        cuts.disk.unmount()
    shutil.rmtree(directory)
    print(f"{cuts.cuts} power cuts in {runs} runs, {cuts.between} of them between the first and the "
          f"last decision, {time.monotonic() - begin:.0f} s: no decision lost, the same rows each "
          "time")
    if cuts.between < 0.5 * cuts.cuts or cuts.told == 0:
        return "too few cuts came while epochs were being decided"
    return 0


if __name__ == "__main__":
    sys.exit(main())
