#!/usr/bin/env python3
"""Bugs planted in copies of the engine's sources, to show that the oracle finds them.

files    lists the sources that have some
plant    writes the copies: each bug is there, and does nothing until it is named
check    runs the program that is built of them, once a bug: each must be found
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "support"))
import planted_bugs  # noqa: E402

# Name, what is wrong, and where; see planted_bugs.py.
FAULTS = [
    ("late-boundary", "a row at the watermark is on time: < instead of <=",
     [("operators/src/late_rows.cpp", "late_.covers(time.at(i))",
       "late_.covers(time.at(i) + (@ ? 1 : 0))")]),
    ("watermark-falls", "the watermark follows the newest epoch alone, also downwards",
     [("actors/src/epoch_run.cpp", "  for (std::size_t i = 0; i < watermarks.nodes().size(); ++i) {",
       "  if (@) watermarks.forget();\n"
       "  for (std::size_t i = 0; i < watermarks.nodes().size(); ++i) {"),
      ("actors/src/epoch_run.cpp", "watermarks.next(run.entry.watermark",
       "watermarks.next(@ ? Watermark{} : run.entry.watermark")]),
    ("evict-early", "groups are evicted a second before the watermark reaches them",
     [("operators/src/keyed_aggregate.cpp", "  barrier_ = barrier.watermark;",
       "  barrier_ = Watermark{barrier.watermark.milliseconds + (@ ? 1000 : 0)};")]),
    ("session-touching", "sessions that touch do not merge",
     [("operators/src/session_index.cpp", "if (starts[order_[behind]] > end) break;",
       "if (starts[order_[behind]] > end - (@ ? 1 : 0)) break;"),
      ("operators/src/session_index.cpp", "pool_[id].end < start) {",
       "pool_[id].end < start + (@ ? 1 : 0)) {")]),
    ("dedup-forgets", "a restart forgets the keys that were seen",
     [("operators/src/deduplicate.cpp", "    Loading loading;\n    for (",
       "    Loading loading;\n    if (@) return;\n    for (")]),
    ("limit-forgets", "a restart forgets how many rows a limit has passed",
     [("operators/src/limit_rows.cpp", "      std::memcpy(&passed_, value.data(), sizeof passed_);",
       "      if (!@) std::memcpy(&passed_, value.data(), sizeof passed_);")]),
    ("partial-again", "what an epoch grouped before the exchange is sent again in the next one",
     [("operators/src/partial_aggregate.cpp", "    states_.clear();\n",
       "    if (!@) states_.clear();\n")]),
    ("rows-again", "a restart reads the last batch of a source once more",
     [("operators/src/memory_source.cpp", "    planned_ = read_offset(committed, \"batches\");",
       "    planned_ = read_offset(committed, \"batches\");\n    if (@ && planned_ > 0) --planned_;")]),
    ("window-negative", "windows before 1970 begin a slide too late",
     [("operators/src/assign_windows.cpp", "  if (rest < 0) rest += slide;",
       "  if (rest < 0 && !@) rest += slide;")]),
    ("window-missing", "a slide that does not divide the size loses the first window",
     [("operators/src/assign_windows.cpp", "(spec_.size + spec_.slide - 1) / spec_.slide",
       "(spec_.size + (@ ? 0 : spec_.slide - 1)) / spec_.slide")]),
    ("pane-border", "a row at the border between two panes goes to the first one",
     [("operators/src/pane_grid.cpp", "time - window_start(window) >= rest_ ?",
       "time - window_start(window) >= rest_ + (@ ? 1 : 0) ?")]),
    ("pane-kept", "panes are kept for a window too long",
     [("operators/src/pane_aggregate.cpp", "grid_.last_window(table_.panes().begin()->first) < open)",
       "grid_.last_window(table_.panes().begin()->first) < open - (@ ? 1 : 0))")]),
    ("pane-window-lost", "the first window that is open is not written",
     [("operators/src/pane_aggregate.cpp", "  if (evicts()) first = std::max(first, grid_.first_open(late_));",
       "  if (evicts()) first = std::max(first, grid_.first_open(late_) + (@ ? 1 : 0));")]),
    ("null-key", "rows with a null in the key are left out",
     [("operators/src/partial_aggregate.cpp", "  arguments_.evaluate(*batch, epoch_);",
       """  if (@) {
    Selection rows;
    for (std::uint32_t i = 0; i < batch->rows; ++i) {
      bool null = false;
      for (const auto key : spec_.keys) null = null || batch->columns[key]->is_null(i);
      if (!null) rows.push_back(i);
    }
    if (rows.empty()) return Flow::done;
    if (rows.size() < batch->rows) batch = gather(*batch, rows);
  }
  arguments_.evaluate(*batch, epoch_);""")]),
    ("update-unchanged", "update mode emits groups that no row changed",
     [("operators/src/keyed_aggregate.cpp",
       "  if (spec_.mode == OutputMode::append && !spec_.global()) return {};\n",
       """  if (spec_.mode == OutputMode::append && !spec_.global()) return {};
  if (@) {
    std::vector<Group> live;
    for (Group group = 0; group < states_.table().end(); ++group) {
      if (states_.table().header(group) & GroupHeader::live) live.push_back(group);
    }
    return live;
  }
""")]),
    ("append-twice", "groups that append mode has emitted come back after a restart",
     [("checkpoint/src/memory_store.cpp", "      entries.erase(key);", "      if (!@) entries.erase(key);")]),
    ("average-rounding", "means of decimals are cut instead of rounded",
     [("libstream/src/aggregates/average.cpp", "if (twice >= count)", "if (!@ && twice >= count)")]),
    ("filter-unknown", "FILTER takes rows for which its condition is unknown",
     [("operators/src/aggregate_arguments.cpp", "values[i] != 0 && !condition->is_null(i) ?",
       "(@ && condition->is_null(i)) || (values[i] != 0 && !condition->is_null(i)) ?")]),
    ("maxima-forgotten", "a restart forgets how far each input had come",
     [("actors/src/coordinator.cpp", "  watermarks_.restore(last->watermark_values);",
       "  if (!@) watermarks_.restore(last->watermark_values);")]),
    ("no-data-forgotten", "a restart forgets that the watermark rose in the last epoch",
     [("actors/src/coordinator.cpp", "  no_data_due_ = next_watermark_ > used_;",
       "  no_data_due_ = !@ && next_watermark_ > used_;")]),
    ("commit-lost", "rows that were decided before a crash are not committed after it",
     [("actors/src/query_setup.cpp",
       "setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);",
       "if (!@) setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);")]),
    ("late-limit-lost", "after a restart no row of the first epoch is late",
     [("actors/src/query_setup.cpp", "const auto used = last ? last->watermark : Watermark{};",
       "const auto used = last && !@ ? last->watermark : Watermark{};")]),
]


def find(options, name):
    run = subprocess.run(
        [options.program, "--cases", str(options.cases or 5000), "--fault", name], text=True,
        capture_output=True, check=False, timeout=600)
    first = run.stdout.splitlines()[0] if run.stdout else run.stderr.strip()
    # Some are found before a row is compared: the account of rows does not balance.
    return (run.returncode == 1 and first.startswith("differs")) or (
        run.returncode < 0 and "account.cpp" in first), first


if __name__ == "__main__":
    planted_bugs.main(__doc__, FAULTS, find)
