#!/usr/bin/env python3
"""Kills flights while it records, with SIGKILL at random moments, and restarts it with other
partition counts: at every moment the recording is whole and holds nothing that was not decided, in
the end it holds exactly the decided epochs, and its replay gives the same rows and hashes.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import flights_oracle
import kill_flights
from flights_process import Flights, check_account, check_answer, data_directory


class RecordedRun(kill_flights.Run):
    def __init__(self, options, seed):
        super().__init__(options, seed)
        self.recording = self.work / "recording"
        self.recorded = []  # Epochs seen after each kill.
        self.arguments = ["--record", str(self.recording), "--hashes"]

    def tool(self, command, *arguments):
        return subprocess.run([self.options.libstream, "recording", command,
                               str(self.recording), *arguments],
                              capture_output=True, text=True, check=False)

    def epochs(self):
        """The recorded epochs, which must be whole and without a gap; none before the first."""
        verified = self.tool("verify")
        if verified.returncode == 4 or not self.recording.exists():  # Nothing recorded yet.
            return []
        assert verified.returncode == 0, verified.stderr
        info = self.tool("info", "--json")
        assert info.returncode == 0, info.stderr
        (source,) = json.loads(info.stdout)["sources"]
        assert source["name"] == "departures", source["name"]
        found = source["epochs"]
        assert [epoch["epoch"] for epoch in found] == list(range(len(found))), "a gap"
        return found

    def kill_once(self, kills):
        super().kill_once(kills)
        self.recorded.append(len(self.epochs()))

    def wait_before_kill(self, process, lines):
        super().wait_before_kill(process, lines)
        self.epochs()  # While it is being written.

    def execute(self, answer):
        super().execute(answer)
        self.check_decided()
        self.check_replay(answer)

    def check_decided(self):
        """What was there after a kill had been decided; what is there in the end is everything."""
        for count, process in zip(self.recorded, self.processes[1:]):
            decided = process.first_epoch()
            assert decided is None or count <= decided, f"{count} recorded, {decided} decided"
        epochs = self.epochs()
        assert len(epochs) == kill_flights.EPOCHS, f"{len(epochs)} epochs recorded"
        for line in self.executed():
            epoch = epochs[line["batchId"]]
            for name, wanted in (("rows", line["numInputRows"]), ("noData", line["noData"])):
                assert epoch[name] == wanted, f"{name} of {epoch}, the run said {wanted}"

    def executed(self):
        return [line for process in self.processes for line in process.lines if line["executed"]]

    def check_replay(self, answer):
        work = self.work / "replayed"
        again = Flights(self.options.flights, data_directory(), work, "--hashes", "--replay",
                        str(self.recording), "--partitions", str(self.random.randint(1, 8)))
        assert again.wait() == 0, again.complaints
        check_answer(work, answer)
        check_account(again.lines[-1]["totals"], answer)
        hashes = {line["batchId"]: line["hashes"] for line in again.lines if line["executed"]}
        assert len(hashes) == kill_flights.EPOCHS
        for line in self.executed():
            assert hashes[line["batchId"]] == line["hashes"], f"epoch {line['batchId']} differs"


def check_partitions(options, answer):
    """One recording, replayed with 1, 2, 4 and 8 partitions: the same rows and hashes."""
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        work = pathlib.Path(name)
        recording = str(work / "recording")
        first = Flights(options.flights, data_directory(), work / "first", "--hashes",
                        "--partitions", "3", "--record", recording)
        assert first.wait() == 0, first.complaints
        wanted = [line["hashes"] for line in first.lines if line["executed"]]
        assert len({json.dumps(hashes) for hashes in wanted}) > kill_flights.EPOCHS // 2
        # As if on another machine: nothing is left of where it was made.
        shutil.move(recording, work / "moved")
        for partitions in (1, 2, 4, 8):
            again = Flights(options.flights, str(work / "departures"), work / str(partitions), "--hashes",
                            "--partitions", str(partitions), "--replay", str(work / "moved"))
            assert again.wait() == 0, again.complaints
            found = [line["hashes"] for line in again.lines if line["executed"]]
            assert found == wanted, f"{partitions} partitions: other hashes"
            check_answer(work / str(partitions), answer)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flights", required=True, help="the program")
    parser.add_argument("--libstream", required=True, help="the tool")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", help="where to make directories; default TMPDIR")
    options = parser.parse_args()
    answer = flights_oracle.expected(data_directory())
    check_partitions(options, answer)
    kill_flights.kill(options, RecordedRun, answer)


if __name__ == "__main__":
    main()
