#!/usr/bin/env python3
"""Bugs planted in copies of the engine's sources, to show that the oracle finds them.

files    lists the sources that have some
plant    writes the copies: each bug is there, and does nothing until it is named
check    runs the program that is built of them, once a bug: each must be found
"""
import argparse
import pathlib
import subprocess
import sys

PLANTED = 'libstream::planted("{}")'

# Name, what is wrong, and where: source, text that is there once, text in its place. @ stands for
# the question whether the bug is wanted.
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
     [("checkpoint/src/group_fold.cpp", "    if (change.key < floor_) continue;",
       "    if (change.key < floor_ || (@ && change.kind == ChangeKind::erase)) continue;")]),
    ("average-rounding", "means of decimals are cut instead of rounded",
     [("libstream/src/aggregates/average.cpp", "if (twice >= count)", "if (!@ && twice >= count)")]),
    ("filter-unknown", "FILTER takes rows for which its condition is unknown",
     [("operators/src/aggregate_arguments.cpp", "values[i] != 0 && !condition->is_null(i) ?",
       "(@ && condition->is_null(i)) || (values[i] != 0 && !condition->is_null(i)) ?")]),
    ("maxima-forgotten", "a restart forgets how far each input had come",
     [("actors/src/coordinator.cpp", "  watermarks_.restore(last->watermark_values, used_);",
       "  if (!@) watermarks_.restore(last->watermark_values, used_);")]),
    ("no-data-forgotten", "a restart forgets that the watermark rose in the last epoch",
     [("actors/src/coordinator.cpp", "  no_data_due_ = next_watermark_ > used_ || watermarks_.any_rose();",
       "  no_data_due_ = !@ && (next_watermark_ > used_ || watermarks_.any_rose());")]),
    ("commit-lost", "rows that were decided before a crash are not committed after it",
     [("actors/src/query_setup.cpp",
       "setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);",
       "if (!@) setup.topology.nodes[nodes[i]].sink->commit(pending.epoch, handles);")]),
    ("late-limit-lost", "after a restart no row of the first epoch is late",
     [("actors/src/query_setup.cpp", "const auto used = last ? last->watermark : Watermark{};",
       "const auto used = last && !@ ? last->watermark : Watermark{};")]),
]

# The same of joins of two streams.
JOIN_FAULTS = [
    ("join-evict-early", "rows are evicted a second too early",
     [("operators/src/join_rows.cpp", "  limit_ = limit(spec_.retention, watermark);",
       "  limit_ = limit(spec_.retention, Watermark{watermark.milliseconds + (@ ? 1000 : 0)});")]),
    ("join-evict-late", "rows are evicted a second too late",
     [("operators/src/join_rows.cpp", "  if (evict_chunk_ == 0 && generation.next_due_ > limit_) continue;",
       "  if (@) limit_ = limit(spec_.retention, Watermark{watermark.milliseconds - 1000});\n"
       "    if (evict_chunk_ == 0 && generation.next_due_ > limit_) continue;")]),
    ("join-evicted-back", "rows that were evicted are back after a restart",
     [("operators/src/join_state.cpp", "  limit_ = due_column_ ? limit(",
       "  limit_ = due_column_ && !@ ? limit(")]),
    ("join-match-lost", "a restart forgets which rows have matched",
     [("operators/src/join_state.cpp", "generation.flags_.push_back(matched ? 1 : 0);",
       "generation.flags_.push_back(matched && !@ ? 1 : 0);")]),
    ("join-match-unsaved", "matches of rows that were saved before are not saved",
     [("operators/src/join_rows.cpp", "    generation.any_dirty_ = true;",
       "    generation.any_dirty_ = !@;")]),
    ("join-match-unmarked", "rows of the other side that match come out padded as well",
     [("operators/src/join_pairs.cpp", "  for (const Mark& mark : marks_) JoinRows::set_matched(",
       "  for (const Mark& mark : marks_) if (!@) JoinRows::set_matched(")]),
    ("join-null-keys", "null keys match",
     [("operators/src/join_rows.cpp", "    if (spec_.null_safe[k] || !key.has_validity()) continue;",
       "    if (@ || spec_.null_safe[k] || !key.has_validity()) continue;")]),
    ("join-condition", "only keys are compared",
     [("operators/src/join_pairs.cpp", "  if (!condition_ || probes_.empty()) return;",
       "  if (@ || !condition_ || probes_.empty()) return;")]),
    ("join-semi-again", "left rows of a semi join come out at every match",
     [("operators/src/stream_join.cpp", "      if (!generation.matched(row)) propose(",
       "      if (@ || !generation.matched(row)) propose("),
      ("operators/src/join_pairs.cpp",
       "      if (JoinRows::set_matched(*marks_[i].generation, marks_[i].row)) places.push_back(i);",
       "      if (JoinRows::set_matched(*marks_[i].generation, marks_[i].row) || @) places.push_back(i);")]),
    ("join-wrong-side", "by watermarkPolicy perSide a side drops its rows by its own watermark",
     [("operators/src/stream_join.cpp", "return own(by_own ? side : 1 - side, least);",
       "return own(by_own || @ ? side : 1 - side, least);")]),
    ("join-late-by-least", "by watermarkPolicy perSide rows are late by the slower side's watermark",
     [("operators/src/stream_join.cpp", "side].late.set_limit(own(side, late));",
       "side].late.set_limit(@ ? late : own(side, late));"),
      ("operators/src/stream_join.cpp", "side_].late.set_limit(own(side_, watermark_));",
       "side_].late.set_limit(@ ? watermark_ : own(side_, watermark_));")]),
    ("join-sides-lost", "a restart forgets what each side's watermark was",
     [("actors/src/query_setup.cpp", "  if (last) streams.restore(last->watermark_values, used);",
       "  if (last && !@) streams.restore(last->watermark_values, used);")]),
]
ALL = FAULTS + JOIN_FAULTS


def files():
    return sorted({place for _, _, places in ALL for place, _, _ in places})


def planted(source):
    """The copies by file, and the bugs whose text is no longer there."""
    texts = {name: (source / name).read_text(encoding="utf-8") for name in files()}
    original = dict(texts)
    lost = {}
    for name, _, places in ALL:
        for file, before, _ in places:
            if original[file].count(before) != 1:
                lost[name] = f"{file} has {before.strip()!r} {original[file].count(before)} times"
    for name, _, places in ALL:
        for file, before, after in places if name not in lost else ():
            texts[file] = texts[file].replace(before, after.replace("@", PLANTED.format(name)))
    return texts, lost


def plant(source, out):
    for file, text in planted(source)[0].items():
        copy = out / file.replace("/", "_")
        declaration = "namespace libstream {\nbool planted(const char* name);\n}\n"
        line = f'#line 1 "{source / file}"\n'
        out.mkdir(parents=True, exist_ok=True)
        copy.write_text(declaration + line + text, encoding="utf-8")


def check(program, source, cases):
    lost = planted(source)[1]
    failures = 0
    for name, words, _ in ALL:
        if name in lost:
            print(f"{name}: NOT PLANTED, plant it anew in faults.py: {lost[name]}")
            failures += 1
            continue
        kind = ["--joins"] if name.startswith("join-") else []
        run = subprocess.run([program, *kind, "--cases", str(cases), "--fault", name], text=True,
                             capture_output=True, check=False, timeout=600)
        first = run.stdout.splitlines()[0] if run.stdout else run.stderr.strip()
        # Some are found before a row is compared: the account of rows does not balance.
        found = (run.returncode == 1 and first.startswith("differs")) or (
            run.returncode < 0 and "account.cpp" in first)
        failures += not found
        print(f"{name} ({words}): {'found, ' if found else 'NOT FOUND, '}{first}", flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["files", "plant", "check"])
    parser.add_argument("--source", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--program")
    parser.add_argument("--cases", type=int, default=5000)
    options = parser.parse_args()
    if options.what == "files":
        print(";".join(files()), end="")
    elif options.what == "plant":
        plant(options.source, options.out)
    else:
        sys.exit(1 if check(options.program, options.source, options.cases) else 0)


if __name__ == "__main__":
    main()
