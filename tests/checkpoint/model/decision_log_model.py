#!/usr/bin/env python3
"""Exhaustive check of the decision protocol of docs/checkpoint.md.

usage: decision_log_model.py ci                 all that tests/run asks for, in less than a minute
       decision_log_model.py RECORDS PROCESSES [MUTANT...]
       decision_log_model.py mutants            lists the broken rules

The world is a write-once log, immutable files and two sinks. Every process is a coordinator with its
tasks; between any two steps it may crash, or freeze while others run and wake much later. Rows carry
the term that made them, so that a result put together from two attempts is seen. Removed entries
leave a slot that can be written again, as an object store or a directory has it. A removal, a read
of an entry and a read of a file are steps of their own.

All states are visited that RECORDS input rows and PROCESSES starts can reach. A mutant breaks one
rule; each must lead to a violation, or the check would prove nothing.
"""
import sys
from typing import NamedTuple

SINKS = ("main", "late")

MUTANTS = {
    "sweepearly": ((2, 2, False, 2), "files are swept before the own open is in the log"),
    "adoptlost": ((3, 2, True, 2), "a lost slot is passed over and the state carried on"),
    "commitfirst": ((1, 2, False, 2), "sinks commit before the decision"),
    "ctahead": ((2, 2, False, 2), "committed_through counts the epoch being decided"),
    "dropold": ((1, 2, False, 2), "handles of older terms are not committed again"),
    "overwrite": ((2, 2, False, 2), "a taken slot can be written again"),
    "sweepnamed": ((2, 2, False, 2), "files that entries name are swept, too"),
    "keepahead": ((3, 2, True, 2), "the epoch staged ahead survives a lost slot"),
    "noread": ((1, 2, False, 2), "the restore leaves the newest entry out"),
    "prunecommits": ((3, 2, True, 3), "clean-up looks at snapshots only, not at commits"),
    "prunelocal": ((3, 2, True, 3), "clean-up goes by the term's own count of commits, not the recorded one"),
    "prunechain": ((3, 2, True, 2), "clean-up looks at commits only, not at the changelogs since the snapshot"),
    "pruneopen": ((3, 2, True, 2), "clean-up removes open entries as well"),
    "novoid": ((3, 2, True, 2), "an open counts though entries lie behind it"),
    "snapunnamed": ((3, 2, True, 2), "clean-up counts a snapshot before a decision names it"),
    "snapearly": ((2, 2, False, 2), "a decision names a snapshot that is still being written"),
    "snapshared": ((4, 1, True, 2), "clean-up removes files that a later snapshot shares"),
    "nochain": ((3, 2, True, 2), "the restore applies the newest changelog only"),
    "gapends": ((3, 2, True, 2), "a reader takes an entry gone for the end of the log"),
    "onesink": ((1, 2, False, 2), "an epoch counts as committed after its first sink"),
    "dropsink": ((1, 2, False, 2), "handles of a sink that the new plan lacks are forgotten"),
    "nolimit": ((3, 2, True, 2), "epochs are decided however many wait for their commit"),
}


class Open(NamedTuple):
    term: int


class Epoch(NamedTuple):
    epoch: int
    term: int
    end: int                # offset: input rows 1..end are read
    committed: int          # committed_through as this entry records it
    snapshot: tuple | None  # (epoch, files)
    sinks: tuple


class Close(NamedTuple):
    term: int
    committed: int


class File(NamedTuple):
    kind: str  # "changes", "snapshot", or a sink's name: its staged rows
    epoch: int
    term: int


class World(NamedTuple):
    log: tuple        # entries; None: removed
    files: frozenset  # (File, rows)
    out: tuple        # ((sink, epoch), rows), sorted: what the sinks show
    decided: tuple    # ghost: ((epoch, term, end, sinks), ...) in order of the decisions


class Process(NamedTuple):
    step: str = "list"
    sinks: tuple = SINKS
    slot: int = 0             # where the next entry goes
    term: int = -1
    todo: tuple = ()          # of the restore: indexes, then files still to be read
    known: tuple = ()         # (index, entry) that are retained, as far as this term knows
    epoch: int = 0            # last decided; 0: none
    end: int = 0
    state: tuple = ()         # rows up to it
    committed: int = 0
    pending: tuple = ()       # (epoch, term, sinks left) to be committed, in order
    current: tuple | None = None  # (epoch, end) staged
    ahead: tuple | None = None    # the one after it
    snapshot: tuple | None = None  # newest complete one: (epoch, files)
    writing: tuple | None = None   # the one being written
    trash: tuple = ()         # files and indexes to be removed, oldest first
    swept: bool = False


class Violation(Exception):
    pass


def violated(text):
    raise Violation(text)


def rows(first, last, term):
    return tuple((row, term) for row in range(first, last + 1))


def content(files, file):
    return next((r for f, r in files if f == file), None)


def epochs_of(entries):
    return [e for _, e in entries if isinstance(e, Epoch)]


def named_files(known, extra=()):
    """Files that retained entries, or a snapshot not yet named, hold on to."""
    found = set()
    for entry in epochs_of(known):
        found.add(File("changes", entry.epoch, entry.term))
        found.update(File(sink, entry.epoch, entry.term) for sink in entry.sinks)
        if entry.snapshot:
            found.update(entry.snapshot[1])
    for snapshot in extra:
        if snapshot:
            found.update(snapshot[1])
    return found


def recorded_commits(entries):
    return max([e.committed for _, e in entries if not isinstance(e, Open)], default=0)


class Model:
    """`small`: one sink and one row an epoch, which leaves room for longer runs."""

    def __init__(self, records, processes, mutants=(), small=False, limit=2):
        self.records, self.processes, self.mutants = records, processes, frozenset(mutants)
        self.sinks = SINKS[:1] if small else SINKS
        self.rows_at_most = 1 if small else 2
        self.limit = limit  # decided epochs that may wait for their commit

    def broken(self, rule):
        return rule in self.mutants

    # --- The log: put if absent.
    def put(self, world, slot, entry):
        """The world after the put, or None where the slot is taken."""
        log = world.log
        if slot == len(log):
            log = log + (entry,)
        elif log[slot] is None or self.broken("overwrite") and isinstance(entry, Epoch):
            log = log[:slot] + (entry,) + log[slot + 1:]
        else:
            return None
        decided = world.decided
        if isinstance(entry, Epoch):
            decided += ((entry.epoch, entry.term, entry.end, entry.sinks),)
        return world._replace(log=log, decided=decided)

    # --- Start: list, put open, verify, read entries, read files.
    def start(self, world, p):
        if p.step == "list":
            q = p._replace(step="put", slot=len(world.log))
            if self.broken("sweepearly"):
                known = tuple((i, e) for i, e in enumerate(world.log) if e)
                keep = named_files(known)
                q = q._replace(swept=True, trash=tuple(sorted(
                    f for f, _ in world.files if f not in keep)))
            yield world, q
        elif p.step == "put":
            if p.trash:
                yield self.remove(world, p)
            after = self.put(world, p.slot, Open(p.slot))
            if after is None:
                yield world, p._replace(slot=p.slot + 1)
            else:
                yield after, p._replace(step="verify")
        elif p.step == "verify":
            behind = world.log[p.slot + 1:]
            if self.broken("novoid"):
                behind = ()
            if any(isinstance(e, Open) for e in behind):
                yield world, None  # a later start has taken over
            elif behind:  # the slot had been used and cleaned: this open fences nobody
                yield world, p._replace(step="put", slot=len(world.log))
            else:
                yield world, self.list_entries(
                    world, p._replace(term=p.slot, slot=p.slot + 1))
        elif p.step == "read":
            yield from self.read_entry(world, p)
        elif p.step == "load":
            yield from self.load_file(world, p)

    def list_entries(self, world, p):
        last = p.term - 1 if self.broken("noread") else p.term
        present = tuple(i for i in range(last) if world.log[i] is not None)
        return p._replace(step="read", todo=present, known=((p.term, Open(p.term)),))

    def read_entry(self, world, p):
        if not p.todo:
            yield self.read_all(world, p)
            return
        index, rest = p.todo[0], p.todo[1:]
        entry = world.log[index]
        if entry is None and self.broken("gapends"):
            yield world, p._replace(todo=())
        elif entry is None:  # cleaned since it was listed
            yield world, p._replace(todo=rest)
        else:
            yield world, p._replace(todo=rest, known=p.known + ((index, entry),))

    def read_all(self, world, p):
        """All entries are read: judge them, and list the files to load."""
        indexes = [i for i, e in p.known if not isinstance(e, Open)]
        expected = list(range(indexes[0], p.term)) if indexes else []
        have = {i for i, _ in p.known}
        if any(i not in have for i in expected) and not self.broken("gapends") \
                and not self.broken("noread"):
            return self.missing(world, p, "entries behind the oldest decision", again=True)
        epochs = epochs_of(p.known)
        committed = recorded_commits(p.known)
        if not epochs:
            return world, p._replace(step="recommit")
        last = epochs[-1]
        by_epoch = {e.epoch: e for e in epochs}
        since = last.snapshot[0] if last.snapshot else 0
        if self.broken("nochain"):
            since = max(since, last.epoch - 1)
        files = list(last.snapshot[1]) if last.snapshot else []
        for n in range(since + 1, last.epoch + 1):
            if n not in by_epoch:
                return self.missing(world, p, "a decision that the state needs")
            files.append(File("changes", n, by_epoch[n].term))
        pending = ()
        for n in range(committed + 1, last.epoch + 1):
            if n not in by_epoch:
                return self.missing(world, p, "a decision that is not committed")
            pending += ((n, by_epoch[n].term, by_epoch[n].sinks),)
        if len(pending) > self.limit:
            violated("more epochs wait for their commit than allowed")
        return world, p._replace(step="load", todo=tuple(files), epoch=last.epoch, end=last.end,
                                 committed=committed, pending=pending, snapshot=last.snapshot)

    def missing(self, world, p, what, again=False):
        """A later term may have removed it: then this one has lost. Else it is damage."""
        if any(isinstance(e, Open) for e in world.log[p.term + 1:]):
            return world, None
        if again and any(world.log[i] is None for i, _ in p.known):
            return world, self.list_entries(world, p)  # an older term cleans up: read again
        violated("missing: " + what)

    def load_file(self, world, p):
        if not p.todo:
            step = "recommit"
            # A sink that the plan lacks, with rows to be committed: the start fails by its name.
            if any(s not in p.sinks for _, _, sinks in p.pending for s in sinks):
                if not self.broken("dropsink"):
                    yield world, None
                    return
                p = p._replace(pending=tuple((n, t, tuple(s for s in sinks if s in p.sinks))
                                             for n, t, sinks in p.pending))
            yield world, p._replace(step=step)
            return
        found = content(world.files, p.todo[0])
        if found is None:
            yield self.missing(world, p, "a file that an entry names")
        else:
            yield world, p._replace(todo=p.todo[1:], state=p.state + found)

    # --- Sinks.
    def commit(self, world, p):
        """Commits the first sink that is left of the oldest pending epoch."""
        epoch, term, left = p.pending[0]
        if self.broken("dropold") and term != p.term:
            left = ()
        if left:
            world = self.publish(world, left[0], epoch, term)
            left = left[1:]
        if left and not self.broken("onesink"):
            return world, p._replace(pending=((epoch, term, left),) + p.pending[1:])
        return world, p._replace(pending=p.pending[1:], committed=epoch)

    def publish(self, world, sink, epoch, term):
        """Idempotent by the epoch; staged rows become visible at once and are staged no more."""
        out = dict(world.out)
        staged = File(sink, epoch, term)
        found = content(world.files, staged)
        if (sink, epoch) not in out:
            if found is None:
                violated("decided rows are lost before their commit")
            out[sink, epoch] = found
        files = world.files - {(staged, found)}
        return world._replace(files=files, out=tuple(sorted(out.items())))

    # --- Epochs.
    def stage(self, world, p, epoch, first, last):
        made = rows(first, last, p.term)
        files = world.files | {(File("changes", epoch, p.term), made)}
        files |= {(File(sink, epoch, p.term), made) for sink in p.sinks}
        return world._replace(files=files)

    def decide(self, world, p):
        epoch, end = p.current
        committed = epoch if self.broken("ctahead") else p.committed
        snapshot = p.snapshot
        if self.broken("snapearly") and p.writing:
            snapshot = p.writing
        entry = Epoch(epoch, p.term, end, committed, snapshot, p.sinks)
        after = self.put(world, p.slot, entry)
        won = p._replace(
            known=p.known + ((p.slot, entry),), slot=p.slot + 1, epoch=epoch, end=end,
            state=p.state + rows(p.end + 1, end, p.term), current=p.ahead, ahead=None,
            pending=p.pending + ((epoch, p.term, p.sinks),))
        if after is not None:
            return after, won
        if self.broken("adoptlost"):
            return world, won._replace(slot=len(world.log), known=p.known)
        if self.broken("keepahead") and p.ahead:
            winner = [e for e in world.log if isinstance(e, Epoch) and e.epoch == epoch]
            if winner:
                return world, won._replace(slot=len(world.log), known=p.known,
                                           pending=p.pending, committed=epoch)
        return world, None  # lost: the term ends

    def run(self, world, p):
        if p.current is None and p.end < self.records:
            for end in range(p.end + 1, min(p.end + self.rows_at_most, self.records) + 1):
                yield (self.stage(world, p, p.epoch + 1, p.end + 1, end),
                       p._replace(current=(p.epoch + 1, end)))
        if p.current and not p.ahead and p.current[1] < self.records:
            epoch, end = p.current
            yield (self.stage(world, p, epoch + 1, end + 1, end + 1),
                   p._replace(ahead=(epoch + 1, end + 1)))
        if p.current:
            if self.broken("commitfirst"):
                yield self.publish(world, self.sinks[0], p.current[0], p.term), p
            if p.epoch - p.committed < self.limit or self.broken("nolimit"):
                yield self.decide(world, p)
        if p.end >= self.records and not p.pending:
            yield self.close(world, p), None

    def close(self, world, p):
        for sink in self.sinks:
            shown = [row for (s, _), made in world.out if s == sink for row, _ in made]
            due = [row for n, t, end, sinks in world.decided if sink in sinks
                   for row in range(1 + max([e for m, _, e, _ in world.decided if m < n],
                                            default=0), end + 1)]
            if shown != due:
                violated("a query that is done has shown other rows than it read")
        return self.put(world, p.slot, Close(p.term, p.committed)) or world

    # --- In the background: snapshots, clean-up, sweeping.
    def background(self, world, p):
        if p.writing is None and p.epoch > (p.snapshot[0] if p.snapshot else 0):
            files = (p.snapshot[1] if p.snapshot else ()) + (File("snapshot", p.epoch, p.term),)
            yield world, p._replace(writing=(p.epoch, files))
        if p.writing:
            # Unchanged files of the snapshot before are named again; the new one holds the rest.
            epoch, files = p.writing
            before = sum(len(content(world.files, f) or ()) for f in files[:-1])
            end = next((e for n, _, e, _ in reversed(world.decided) if n == epoch), 0)
            added = world._replace(files=world.files | {(files[-1], p.state[before:end])})
            yield added, p._replace(snapshot=p.writing, writing=None)
        if p.trash:
            yield self.remove(world, p)
            return
        if not p.swept:
            keep = set() if self.broken("sweepnamed") else \
                named_files(p.known, (p.snapshot, p.writing))
            trash = tuple(sorted(f for f, _ in world.files if f.term < p.term and f not in keep))
            if trash:
                yield world, p._replace(swept=True, trash=trash)
        yield from self.clean(world, p)

    def clean(self, world, p):
        named = [e.snapshot for e in epochs_of(p.known) if e.snapshot]
        if self.broken("snapunnamed") and p.snapshot:
            named.append(p.snapshot)
        base = named[-1][0] if named else 0
        recorded = p.committed if self.broken("prunelocal") else recorded_commits(p.known)
        low = min(base, recorded + 1)
        if self.broken("prunecommits"):
            low = base
        if self.broken("prunechain"):
            low = min(recorded + 1, p.epoch)
        gone, kept = [], []
        for index, entry in p.known:
            behind = any(isinstance(e, Epoch) and i > index and e.epoch <= low
                         for i, e in p.known)
            if isinstance(entry, Epoch):
                old = entry.epoch < low
            elif isinstance(entry, Close):
                old = behind
            else:
                old = behind and self.broken("pruneopen")
            (gone if old else kept).append((index, entry))
        if gone:
            extra = () if self.broken("snapshared") else (p.snapshot, p.writing)
            keep = set() if self.broken("snapshared") else named_files(kept, extra)
            files = sorted(f for f in named_files(gone) if f not in keep)
            yield world, p._replace(known=tuple(kept),
                                    trash=tuple(i for i, _ in gone) + tuple(files))

    def remove(self, world, p):
        first, rest = p.trash[0], p.trash[1:]
        if isinstance(first, int):
            log = world.log[:first] + (None,) + world.log[first + 1:]
            return world._replace(log=log), p._replace(trash=rest)
        files = frozenset(x for x in world.files if x[0] != first)
        return world._replace(files=files), p._replace(trash=rest)

    def steps(self, world, p):
        if p.step in ("list", "put", "verify", "read", "load"):
            yield from self.start(world, p)
            return
        if p.pending:
            yield self.commit(world, p)
        elif p.step == "recommit":
            yield world, p._replace(step="run")
        if p.step == "run":
            yield from self.run(world, p)
            yield from self.background(world, p)

    # --- What must hold in every state.
    def check(self, world):
        seen = {}
        for n, term, end, sinks in world.decided:
            if n in seen:
                violated("an epoch is decided twice")
            if n != len(seen) + 1:
                violated("an epoch is decided before the one before it")
            seen[n] = (term, end, sinks)
        expected, end = (), 0
        for n in sorted(seen):
            term, last, _ = seen[n]
            expected += (rows(end + 1, last, term),)
            end = last
        for (sink, n), made in world.out:
            if n not in seen:
                violated("rows are visible that are not decided")
            if made != expected[n - 1]:
                violated("a sink shows other rows than were decided")
        newest = [e for e in world.log if isinstance(e, Epoch)][-1:]
        for entry in newest:
            self.check_state(world, entry, expected)
        committed = max([e.committed for e in world.log if e and not isinstance(e, Open)],
                        default=0)
        shown = {key for key, _ in world.out}
        for n, (_, _, sinks) in seen.items():
            if n <= committed and any((sink, n) not in shown for sink in sinks):
                violated("an epoch is recorded as committed and a sink lacks it")
        if seen and not newest:
            violated("the newest decision is gone")

    @staticmethod
    def check_state(world, entry, expected):
        """The newest decision, its snapshot and the changelogs since make the state."""
        state, since = (), 0
        if entry.snapshot:
            since = entry.snapshot[0]
            for file in entry.snapshot[1]:
                found = content(world.files, file)
                if found is None:
                    violated("a snapshot that a decision names is gone")
                state += found
        by_epoch = {e.epoch: e for e in world.log if isinstance(e, Epoch)}
        for n in range(since + 1, entry.epoch + 1):
            found = n in by_epoch and content(world.files, File("changes", n, by_epoch[n].term))
            if not found:
                violated("a changelog that a restart needs is gone")
            state += found
        if state != sum(expected[:entry.epoch], ()):
            violated("the state is not that of the decisions")

    def explore(self, stop_at=None):
        """Returns (states, finished, violation or None). Processes are alike: their order is not
        part of a state."""
        start = (World((), frozenset(), (), ()), (), 0)
        seen, stack, finished = {start}, [start], 0
        while stack:
            world, live, started = stack.pop()
            try:
                self.check(world)
                following = []
                if started < self.processes:
                    whole = Process(sinks=self.sinks)
                    following.append((world, live + (whole,), started + 1))
                    if started > 0 and len(self.sinks) > 1:  # a restart may come with a sink less
                        fewer = Process(sinks=SINKS[:1])
                        following.append((world, live + (fewer,), started + 1))
                for i, p in enumerate(live):
                    others = live[:i] + live[i + 1:]
                    following.append((world, others, started))  # it crashes
                    for after, q in self.steps(world, p):
                        if q is None and after.log and isinstance(after.log[-1], Close):
                            finished += 1
                        following.append((after, others + ((q,) if q else ()), started))
            except Violation as violation:
                return len(seen), finished, str(violation)
            for world, live, started in following:
                state = (world, tuple(sorted(live, key=hash)) if len(live) > 1 else live, started)
                if state not in seen:
                    seen.add(state)
                    stack.append(state)
            if stop_at and len(seen) > stop_at:
                return len(seen), finished, "stopped: too many states"
        return len(seen), finished, None


def report(name, records, processes, result):
    states, finished, violation = result
    print(f"{name:13} records {records} processes {processes} states {states:8} "
          f"finished {finished:6} {violation or 'holds'}", flush=True)
    return violation


def continuous_integration():
    failures = 0
    for bounds in ((2, 2, False, 2), (3, 2, True, 2)):
        records, processes, small, limit = bounds
        result = Model(records, processes, (), small, limit).explore()
        if report("as designed", records, processes, result) or not result[1]:
            failures += 1
    for mutant, ((records, processes, small, limit), _) in MUTANTS.items():
        result = Model(records, processes, [mutant], small, limit).explore(stop_at=300_000)
        violation = report(mutant, records, processes, result)
        if not violation or violation.startswith("stopped"):
            failures += 1
    return failures


def main(arguments):
    if arguments == ["ci"]:
        return 1 if continuous_integration() else 0
    if arguments == ["mutants"]:
        for name, (_, text) in MUTANTS.items():
            print(f"{name:13} {text}")
        return 0
    if len(arguments) < 2 or any(m not in MUTANTS for m in arguments[2:]):
        print(__doc__)
        return 2
    records, processes, mutants = int(arguments[0]), int(arguments[1]), arguments[2:]
    result = Model(records, processes, mutants).explore()
    return 1 if report("+".join(mutants) or "as designed", records, processes, result) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
