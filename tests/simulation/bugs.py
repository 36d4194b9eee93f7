#!/usr/bin/env python3
"""Bugs planted in copies of the engine's and the checkpoint's sources: `libstream simulate`, built of
them, must find each within 2,000 seeds.

files    lists the sources that have some
plant    writes the copies: each bug is there, and does nothing until it is named
check    runs the program that is built of them, once a bug
"""
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import planted_bugs  # noqa: E402

TERM = "checkpoint/src/term.cpp"
LOG = "checkpoint/src/decision_log.cpp"
ROOT = "checkpoint/src/directory_root.cpp"
FILES = "checkpoint/src/state_files.cpp"
RESTORE = "checkpoint/src/restore.cpp"
RETENTION = "checkpoint/src/retention.cpp"
COORDINATOR = "actors/src/coordinator.cpp"
EPOCHS = "actors/src/coordinator_epochs.cpp"
SETUP = "actors/src/query_setup.cpp"
INPUTS = "actors/src/inputs.cpp"
FILE_SINK = "operators/src/file_sink.cpp"

# Name, what is wrong, and where; see planted_bugs.py.
BUGS = [
    # Barriers and channels
    ("barrier-short", "an epoch is aligned one barrier too early",
     [(INPUTS, "    if (++aligned_ < channels_.size()) return std::nullopt;",
       "    if (++aligned_ + (@ && channels_.size() > 1 ? 1 : 0) < channels_.size()) return std::nullopt;"),
      (INPUTS, "aligned_ == channels_.size(), \"all", "@ || aligned_ == channels_.size(), \"all")]),
    ("credit-leak", "now and then credit is not given back",
     [(INPUTS, "  host_->send(channel.sender.task, Credit{channel.sender.channel, channel.bytes, channel.batches});",
       "  if (!@ || channel.bytes % 7 != 0) host_->send(channel.sender.task, Credit{channel.sender.channel, channel.bytes, channel.batches});")]),
    # Decisions and commits
    ("publish-first", "sinks commit before the decision is written",
     [(EPOCHS, "      [term = term_, entry = std::move(entry),",
       "      [this, term = term_, entry = std::move(entry),"),
      (EPOCHS, "        term->decide(std::move(entry));",
       "        if (@) {\n"
       "          const auto sinks = setup_.sinks();\n"
       "          for (std::size_t i = 0; i < sinks.size(); ++i) {\n"
       "            setup_.topology.nodes[sinks[i]].sink->commit(entry.epoch, entry.sinks[i].handles);\n"
       "          }\n"
       "        }\n"
       "        term->decide(std::move(entry));")]),
    ("commit-order", "of the epochs that wait, the newest is committed first",
     [(EPOCHS, "(std::move(decided_.front().entry.sinks));",
       "(std::move((@ ? decided_.back() : decided_.front()).entry.sinks));"),
      (EPOCHS, "epoch = decided_.front().entry.epoch] {",
       "epoch = (@ ? decided_.back() : decided_.front()).entry.epoch] {")]),
    ("commit-lost", "what was decided and not committed is not committed after a restart",
     [(SETUP, "setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);",
       "if (!@) setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);")]),
    ("commit-early", "an epoch is recorded as committed when it is decided",
     [(TERM, "    entry.committed_through = committed_;",
       "    entry.committed_through = @ ? decided_ : committed_;")]),
    ("one-sink", "after a restart only the first sink commits again",
     [(SETUP, "    for (std::size_t i = 0; i < nodes.size(); ++i) {\n      const auto& handles",
       "    for (std::size_t i = 0; i < (@ ? 1 : nodes.size()); ++i) {\n      const auto& handles")]),
    ("handles-lost", "handles that lie in files come back without their bytes",
     [(RESTORE, "  for (const auto& external : stored.handle_files) {",
       "  if (@) return;\n  for (const auto& external : stored.handle_files) {")]),
    # Terms
    ("stale-term", "a term whose slot is taken writes behind it and goes on",
     [(LOG, "  entry.index = position_;\n  if (!put_own(*root_, name(position_), encode_entry(entry, query_id_))) {\n    lost(position_);\n  }",
       "  for (;;) {\n    entry.index = position_;\n    if (put_own(*root_, name(position_), encode_entry(entry, query_id_))) break;\n    if (!@) lost(position_);\n    ++position_;\n  }")]),
    ("open-removed", "clean-up removes the opens of older terms, too",
     [(RETENTION, "  if (const auto* close = std::get_if<CloseEntry>(&stored.entry)) {",
       "  if (@ && std::holds_alternative<OpenEntry>(stored.entry) && stored.index > 0) entries_[stored.index] = {};\n"
       "  if (const auto* close = std::get_if<CloseEntry>(&stored.entry)) {")]),
    ("open-unchecked", "a start takes a slot that had been cleaned for its own",
     [(LOG, "      if (taken.back() == slot) {", "      if (@ || taken.back() == slot) {")]),
    ("reports-kept", "a restart after a fault decides what the term before had under way",
     [(COORDINATOR, "  reported_.clear();\n", "  if (!@) reported_.clear();\n")]),
    ("opened-once", "a restart after a fault while sinks open takes all for open",
     [(COORDINATOR, "  term_.reset();\n  run(",
       "  term_.reset();\n"
       "  if (@) for (const auto sink : setup_.sinks()) open_ends_.nodes.insert(sink);\n"
       "  run(")]),
    # Durability
    ("file-unsynced", "files are linked before their bytes are durable",
     [(ROOT, "      synced([&] { file->sync(); });", "      if (!@) synced([&] { file->sync(); });")]),
    ("name-unsynced", "a decision counts before its name is durable",
     [(ROOT, "    const bool created = write_and_link(temporary, target, bytes);\n",
       "    const bool created = write_and_link(temporary, target, bytes);\n    if (@) return created;\n")]),
    ("directory-unsynced", "the directory of the checkpoint itself is not durable",
     [("libstream/src/durable_directory.cpp", "  files.create_directories(path);\n  files.sync_directory(above);",
       "  files.create_directories(path);\n  if (!@) files.sync_directory(above);"),
      ("libstream/src/durable_directory.cpp", "    files.try_sync_directory(above);",
       "    if (!@) files.try_sync_directory(above);")]),
    ("sync-ignored", "a failed sync is taken for done",
     [(ROOT, "      poisoned_->add(path_);\n      throw;",
       "      if (@) return;\n      poisoned_->add(path_);\n      throw;")]),
    ("outcome-guessed", "what is there after a fault is taken for durable",
     [(FILES, "      unknown = unknown ? unknown : std::current_exception();\n",
       "      if (@ && root.read(name) == bytes) return true;\n"
       "      unknown = unknown ? unknown : std::current_exception();\n")]),
    ("cleaned-is-damage", "cleaned entries that a power cut brings back are taken for damage",
     [(RESTORE, "    if (stored.index != expected) {", "    if (stored.index != expected && !@) {")]),
    # State
    ("state-name", "state files are named without term and attempt",
     [(FILES, 'const auto name = "state/" + padded(term_) + "." + uuid_ + "." +',
       'const auto name = "state/" + padded(@ ? 0 : term_) + "." + (@ ? "x" : uuid_) + "." +')]),
    ("file-before-entry", "clean-up removes files before the entries that name them",
     [(TERM, "  for (const auto index : garbage.entries) {",
       "  if (@) for (const auto& file : garbage.files) root_->remove(file);\n"
       "  for (const auto index : garbage.entries) {")]),
    ("never-cleaned", "entries that nobody needs are kept, and so their files",
     [(RETENTION, "  const auto low = lowest_needed();", "  const auto low = @ ? 0 : lowest_needed();")]),
    ("never-swept", "what a term that died left of a snapshot stays for ever",
     [(TERM, "    const auto term = StateFiles::term_of(name);\n",
       "    if (@) continue;\n    const auto term = StateFiles::term_of(name);\n")]),
    ("sweep-all", "a start sweeps state files that decisions name",
     [(TERM, "    if (term && *term < number_ && !live.contains(name)) {",
       "    if (term && *term < number_ && (@ || !live.contains(name))) {")]),
    ("snapshot-ahead", "a snapshot is said to hold one epoch more than it does",
     [(TERM, "  SnapshotReference snapshot{epochs.back().epoch, {}};",
       "  SnapshotReference snapshot{@ ? next(epochs.back().epoch) : epochs.back().epoch, {}};")]),
    ("changes-reversed", "of a key that changed twice the older value is restored",
     [(RESTORE, "    const Epoch one{i - 1};",
       "    const Epoch one{@ ? first + number(epoch) + 1 - i : i - 1};")]),
    ("retained-too-short", "clean-up forgets entries whose epochs are not recorded as committed",
     [(RETENTION, "  return std::min(number(*oldest), static_cast<std::uint64_t>(recorded_committed_ + 1));",
       "  if (@) return number(*snapshots.rbegin()) + 2;\n"
       "  return std::min(number(*oldest), static_cast<std::uint64_t>(recorded_committed_ + 1));")]),
    ("rescale-group", "after a restart a task lacks the state of its last key group",
     [(SETUP, "                    first_group(wiring.partition + 1, groups, node.parallelism));",
       "                    first_group(wiring.partition + 1, groups, node.parallelism) - (@ ? 1 : 0));")]),
    # Sources and event time
    ("watermark-lost", "a restart begins with no watermark",
     [(COORDINATOR, "  used_ = last->watermark;\n  next_watermark_ = last->next_watermark;",
       "  used_ = last->watermark;\n  next_watermark_ = @ ? Watermark{} : last->next_watermark;")]),
    ("maxima-lost", "a restart forgets how far each input had come",
     [(COORDINATOR, "  watermarks_.restore(last->watermark_values, used_);",
       "  if (!@) watermarks_.restore(last->watermark_values, used_);")]),
    ("late-limit-lost", "after a restart no row of the first epoch is late",
     [(SETUP, "const auto used = last ? last->watermark : Watermark{};",
       "const auto used = last && !@ ? last->watermark : Watermark{};")]),
    ("late-twice", "rows that are late are handed out twice",
     [("operators/src/late_rows.cpp", "  if (output.connected(Output::late_port)) output.emit(late_batch_, Output::late_port);",
       "  if (output.connected(Output::late_port)) output.emit(late_batch_, Output::late_port);\n"
       "  if (@ && output.connected(Output::late_port)) output.emit(late_batch_, Output::late_port);\n"
       "  if (@) rows_ += late.size();")]),
    ("release-early", "sources may forget what is planned, not only what is decided",
     [(EPOCHS, "  run.entry.source_ends = ends_;\n",
       "  run.entry.source_ends = ends_;\n  if (@) release_ = ends_;\n")]),
    ("ends-lost", "after a restart an epoch is decided with the ends of a new query",
     [(COORDINATOR, "  if (last->source_ends.size() == ends_.size()) ends_ = last->source_ends;",
       "  if (last->source_ends.size() == ends_.size() && !@) ends_ = last->source_ends;")]),
    # Output files
    ("staged-unsynced", "staged output is handed over before it is durable",
     [(FILE_SINK, "    file_->sync();\n    file_->close();\n    file_.reset();",
       "    if (!@) file_->sync();\n    file_->close();\n    file_.reset();")]),
    ("output-unsynced", "staged output is removed before its final name is durable",
     [(FILE_SINK, "    target_->files->sync_directory(target_->directory);\n    for",
       "    if (!@) target_->files->sync_directory(target_->directory);\n    for")]),
    ("staged-swept", "a start sweeps the output of older terms before it is committed",
     [(SETUP, "  for (const auto& pending : term.restored().pending) {\n    const auto nodes",
       "  if (@) {\n"
       "    for (const auto node : setup.sinks()) setup.topology.nodes[node].sink->sweep(term.number(), {});\n"
       "  }\n"
       "  for (const auto& pending : term.restored().pending) {\n    const auto nodes")]),
]


def find(options, name):
    """The first seed that shows it."""
    run = subprocess.run(
        [options.program, str(options.cases or 2000), name],
        text=True, capture_output=True, check=False, timeout=900)
    seeds = re.findall(r"^seed (\d+)[ :].*$", run.stdout, re.MULTILINE)
    lines = [line for line in run.stdout.splitlines() if line.startswith("seed ")]
    return bool(seeds) and run.returncode != 0, (
        f"seed {seeds[0]}: " + lines[0].split(": libstream simulate")[0] if seeds
        else (run.stdout + run.stderr).strip()[-200:])


if __name__ == "__main__":
    planted_bugs.main(__doc__, BUGS, find)
