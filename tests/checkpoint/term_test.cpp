#include "entry_codec.hpp"
#include "fault_injection.hpp"
#include "retention.hpp"
#include "simulated_query.hpp"
#include "state_files.hpp"

#include <libstream/checkpoint/term.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <thread>

namespace libstream::test {
namespace {

std::unique_ptr<Term> open(const std::shared_ptr<CheckpointRoot>& root,
                           const CheckpointMeta& meta = simulated_meta(),
                           const TermOptions& options = {}) {
  static std::uint64_t seed = 0;
  Environment environment;
  environment.random = seeded_random(++seed);
  return Term::open(root, meta, environment, options);
}

EpochEntry epoch_entry(std::uint64_t epoch, const std::string& rows = "rows") {
  EpochEntry entry;
  entry.epoch = Epoch{epoch};
  entry.source_ends = {std::to_string(epoch)};
  entry.sinks = {{"FileSink[out]", {{rows + std::to_string(epoch), 1}}}};
  return entry;
}

template <typename Call>
std::string message_of(ErrorCode code, Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK_MESSAGE(error.code() == code, std::string(error.what()));
    return error.what();
  }
  FAIL_CHECK("no Error was thrown");
  return {};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("A new checkpoint is fresh and keeps its query id") {
  const auto root = memory_root();
  const auto term = open(root);
  CHECK(term->number() == 0);
  CHECK(term->restored().fresh);
  CHECK(term->restored().query_id == "query-1");
  CHECK(term->committed_through() == -1);
  CHECK(root->list("") == std::vector<std::string>{"log/00000000000000000000", "meta"});
}

TEST_CASE("A restart finds every field of the last decision, and the recorded id and key groups") {
  const auto root = memory_root();
  {
    const auto term = open(root);
    auto entry = epoch_entry(0);
    entry.context = {1234, 99};
    entry.no_data = true;
    entry.watermark = {5};
    entry.next_watermark = {6};
    entry.watermark_values = {INT64_MIN, 7};
    entry.earliest_timeout = -8;
    entry.totals = {{"in", 9}, {"late", 10}};
    term->decide(entry);
    term->committed(Epoch{0});
    term->close();
  }
  auto meta = simulated_meta("query-2");
  meta.key_groups = 32;
  const auto term = open(root, meta);
  const auto& restored = term->restored();
  CHECK(!restored.fresh);
  CHECK(restored.query_id == "query-1");
  CHECK(restored.key_groups == key_groups);
  CHECK(restored.committed_through == 0);
  CHECK(restored.pending.empty());
  REQUIRE(restored.last);
  CHECK(restored.last->context.timestamp_milliseconds == 1234);
  CHECK(restored.last->context.seed == 99);
  CHECK(restored.last->no_data);
  CHECK(restored.last->source_ends == std::vector<Offset>{"0"});
  CHECK(restored.last->watermark.milliseconds == 5);
  CHECK(restored.last->next_watermark.milliseconds == 6);
  CHECK(restored.last->watermark_values == std::vector<std::int64_t>{INT64_MIN, 7});
  CHECK(restored.last->earliest_timeout == -8);
  CHECK(restored.last->totals == std::map<std::string, std::uint64_t>{{"in", 9}, {"late", 10}});
  CHECK(restored.last->sinks.at(0).handles.at(0).bytes == "rows0");
}

TEST_CASE("Decisions without a recorded commit are pending, in order, with their handles") {
  const auto root = memory_root();
  {
    const auto term = open(root);
    for (std::uint64_t n = 0; n < 4; ++n) {
      term->decide(epoch_entry(n));
      if (n == 0) {
        term->committed(Epoch{0});
      }
    }
  }
  const auto term = open(root);
  CHECK(term->committed_through() == 0);
  REQUIRE(term->restored().pending.size() == 3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto& pending = term->restored().pending[i];
    CHECK(number(pending.epoch) == i + 1);
    CHECK(pending.sinks.at(0).sink == "FileSink[out]");
    CHECK(pending.sinks.at(0).handles.at(0).bytes == "rows" + std::to_string(i + 1));
    term->committed(pending.epoch);
  }
  CHECK(term->committed_through() == 3);
}

TEST_CASE("A term whose slot is taken has lost for good, and the message names the winner") {
  const auto root = memory_root();
  const auto old = open(root);
  old->decide(epoch_entry(0, "old"));
  TermOptions options;
  options.host = "winner";
  options.process = 42;
  const auto winner = open(root, simulated_meta(), options);
  const auto message = message_of(ErrorCode::conflict, [&] { old->decide(epoch_entry(1, "old")); });
  CHECK(contains(message, "process 42 on winner"));
  message_of(ErrorCode::conflict, [&] { old->decide(epoch_entry(1, "old")); });
  message_of(ErrorCode::conflict, [&] { old->maintain(); });
  message_of(ErrorCode::conflict, [&] { old->sweep(); });
  message_of(ErrorCode::conflict, [&] { old->close(); });
  winner->decide(epoch_entry(1, "new"));
  CHECK(open(root)->restored().last->sinks.at(0).handles.at(0).bytes == "new1");
}

TEST_CASE("A decision that was written though its answer was lost counts") {
  const auto root = memory_root();
  Injection injection;
  const auto term = open(std::make_shared<FaultyRoot>(root, injection));
  injection.at = error_at(injection.operations, true);
  term->decide(epoch_entry(0));
  term->decide(epoch_entry(1));
  CHECK(number(open(root)->restored().last->epoch) == 1);
}

TEST_CASE("A decision that could not be written ends the term and leaves nothing") {
  const auto root = memory_root();
  Injection injection;
  const auto term = open(std::make_shared<FaultyRoot>(root, injection));
  injection.at = [](std::uint64_t, bool) { throw Error(ErrorCode::io, "no space left"); };
  CHECK(contains(message_of(ErrorCode::io, [&] { term->decide(epoch_entry(0)); }), "no space"));
  injection.at = [](std::uint64_t, bool) {};
  message_of(ErrorCode::io, [&] { term->decide(epoch_entry(0)); });
  CHECK(open(root)->restored().fresh);
}

TEST_CASE("Another plan is refused with its differences") {
  const auto root = memory_root();
  open(root);
  const auto refused = [&](auto change) {
    auto meta = simulated_meta();
    change(meta);
    return message_of(ErrorCode::incompatible, [&] { open(root, meta); });
  };
  CHECK(contains(refused([](auto& meta) { meta.hash_id = "other"; }), "hash-1 became other"));
  CHECK(contains(refused([](auto& meta) { meta.sources = {"Rate"}; }),
                 "sources FileSource json became Rate"));
  CHECK(contains(refused([](auto& meta) { meta.sources.push_back("Rate"); }),
                 "became FileSource json, Rate"));
  CHECK(contains(refused([](auto& meta) { meta.operators.pop_back(); }), "large (id 9"));
  CHECK(contains(refused([](auto& meta) { meta.operators[0].signature = "sum(a int)"; }),
                 "sum(a bigint)) became totals (id 7, sum(a int))"));
  CHECK(contains(refused([](auto& meta) { meta.operators[0].name = "dedup"; }), "became dedup"));
  CHECK(contains(refused([](auto& meta) {
                   meta.operators.push_back({OperatorId{11}, "x", "y"});
                 }),
                 "x (id 11, y) is new"));
  CHECK(contains(refused([](auto& meta) { meta.format = 1; }), "newer libstream"));
  auto reordered = simulated_meta();
  std::swap(reordered.operators[0], reordered.operators[1]);
  CHECK(open(root, reordered)->restored().fresh);
}

TEST_CASE("A checkpoint of an older format is refused with a way out") {
  const auto root = memory_root();
  auto old = simulated_meta();
  old.format = 1;
  const auto bytes = checkpoint::encode_meta(old);
  root->put_if_absent("meta", checkpoint::as_bytes(bytes));
  const auto message = message_of(ErrorCode::incompatible, [&] { open(root); });
  CHECK(contains(message, "format 1"));
  CHECK(contains(message, "new checkpoint directory"));
  CHECK(root->list("") == std::vector<std::string>{"meta"});
}

TEST_CASE("Large changes and handles lie in files and come back complete") {
  const auto root = memory_root();
  const std::string large(700 * 1024, 'x');
  {
    const auto term = open(root);
    ChangelogWriter small;
    small.put(1, "k", std::string(1000, 's'));
    CHECK(!term->store_changes(totals_operator, 0, Epoch{0}, small.bytes()).file);
    ChangelogWriter writer;
    writer.put(1, "k", large);
    const auto changes = term->store_changes(totals_operator, 0, Epoch{0}, writer.take());
    CHECK(changes.file);
    CHECK(changes.inline_bytes.empty());
    auto entry = epoch_entry(0);
    entry.changes = {changes};
    entry.sinks = {{"a", {{large, 3}, {"small", 1}}}, {"b", {{large + "2", 4}}}};
    term->decide(entry);
  }
  CHECK(root->read("log/00000000000000000001")->size() < Term::entry_inline_limit + 4096);
  const auto term = open(root);
  for (const auto* sinks : {&term->restored().last->sinks, &term->restored().pending.at(0).sinks}) {
    CHECK(sinks->at(0).handles.at(0).bytes == large);
    CHECK(sinks->at(0).handles.at(0).rows == 3);
    CHECK(sinks->at(0).handles.at(1).bytes == "small");
    CHECK(sinks->at(1).handles.at(0).bytes == large + "2");
  }
  CHECK(read_state(*term, totals_operator) == Content{{"k", large}});
}

TEST_CASE("Entries and files that nobody needs go, what a restart needs stays") {
  for (const std::uint64_t retained : {1, 2, 3}) {
    const auto root = memory_root();
    OutsideWorld world;
    TermOptions options;
    options.snapshot_epochs = 4;
    options.retained_snapshots = retained;
    SimulatedQuery query(root, world, "a", options, 1);
    query.run_until(60);
    const auto entries = root->list("log/").size();
    CHECK(entries <= 1 + 4 * (retained + 1) + 1);
    CHECK(entries >= 4 * retained);
    CHECK(root->list("state/").size() <= 2 + 2 * (retained + 1) + 2 * (retained + 1));
    CHECK(root->list("log/").front() == "log/00000000000000000000");
    SimulatedQuery again(root, world, "b", options, 2);
    CHECK(again.next_epoch() == 60);
    CHECK(world.violations().empty());
  }
}

TEST_CASE("Files of snapshots that gave way before a decision named them go, too") {
  const auto root = memory_root();
  TermOptions options;
  options.snapshot_epochs = 3;
  options.snapshot_bytes = 1;  // each epoch by itself: three snapshots at once
  options.retained_snapshots = 1;
  const auto term = open(root, simulated_meta(), options);
  for (std::uint64_t n = 0; n < 12; ++n) {
    auto entry = epoch_entry(n);
    ChangelogWriter changes;
    changes.put(1, "k" + std::to_string(n), "v");
    entry.changes = {{totals_operator, 0, changes.take(), std::nullopt}};
    term->decide(std::move(entry));
    term->committed(Epoch{n});
    if (n % 3 == 2) term->maintain();
  }
  std::set<std::string> named;
  for (const auto& name : root->list("log/")) {
    const auto bytes = root->read(name);
    const auto index = checkpoint::parse_padded(name.substr(4));
    const auto stored = checkpoint::decode_entry(*bytes, *index, "query-1", name);
    for (const auto& file : checkpoint::named_files(stored)) named.insert(file.name);
  }
  // The last snapshot waits for the next decision.
  const auto left = root->list("state/");
  CHECK(std::ranges::count_if(left, [&](const auto& name) { return !named.contains(name); }) == 1);
}

std::ptrdiff_t run_files(CheckpointRoot& root) {
  return std::ranges::count_if(root.list("state/"),
                               [](const auto& name) { return name.ends_with(".run"); });
}

/// A key of each epoch in every key group, some 1,900 bytes; `floor`: erases those of all epochs
/// but this one and the one before.
TaskChanges windowed_changes(Term& term, std::uint64_t n, bool floor) {
  const auto key = [](std::uint64_t epoch) {
    return std::string(1, static_cast<char>('a' + epoch));
  };
  ChangelogWriter changes;
  changes.within({0, key_groups - 1, floor && n > 0 ? key(n - 1) : std::string(), key(n + 1)});
  for (std::uint32_t group = 0; group < key_groups; ++group) {
    changes.put(group, key(n) + "key", std::string(100, 'v'));
  }
  auto extent = changes.extent();
  return term.store_changes(totals_operator, 0, Epoch{n}, changes.take(), std::move(extent));
}

TEST_CASE("Changes that a later floor erases as a whole are in no snapshot") {
  for (const bool others : {false, true}) {
    CAPTURE(others);
    const auto root = memory_root();
    TermOptions options;
    options.snapshot_epochs = 4;
    options.retained_snapshots = 1;
    auto term = open(root, simulated_meta(), options);
    for (std::uint64_t n = 0; n < 20; ++n) {
      CAPTURE(n);
      auto entry = epoch_entry(n);
      entry.changes = {windowed_changes(*term, n, true)};
      if (others) {
        ChangelogWriter changes;
        changes.put(1, "k" + std::to_string(n), "v");
        entry.changes.push_back(term->store_changes(large_operator, 0, Epoch{n}, changes.take()));
      }
      term->decide(std::move(entry));
      term->committed(Epoch{n});
      term->maintain();
      if (!others) CHECK(run_files(*root) == 0);
    }
    if (others) CHECK(run_files(*root) > 0);
    // Snapshots moved on all the same, and let older entries go.
    CHECK(root->list("log/").size() < 10);
    term = open(root, simulated_meta(), options);
    CHECK(term->restored().last->snapshot->epoch >= Epoch{15});
    CHECK(read_state(*term, totals_operator).size() == 2);
    CHECK(read_state(*term, large_operator).size() == (others ? 20 : 0));
  }
}

TEST_CASE("What a floor may erase waits for it, but not for ever") {
  const auto root = memory_root();
  TermOptions options;
  options.snapshot_epochs = 1'000;
  options.snapshot_bytes = 5'000;
  auto term = open(root, simulated_meta(), options);
  for (std::uint64_t n = 0; n < 11; ++n) {
    CAPTURE(n);
    auto entry = epoch_entry(n);
    entry.changes = {windowed_changes(*term, n, false)};
    term->decide(std::move(entry));
    term->committed(Epoch{n});
    term->maintain();
    CHECK(run_files(*root) == (n < 10 ? 0 : 1));
  }
  term = open(root, simulated_meta(), options);
  CHECK(read_state(*term, totals_operator).size() == 11);
}

TEST_CASE("Nothing is cleaned that is not yet recorded as committed") {
  const auto root = memory_root();
  TermOptions options;
  options.snapshot_epochs = 1;
  options.retained_snapshots = 1;
  {
    const auto term = open(root, simulated_meta(), options);
    for (std::uint64_t n = 0; n < 6; ++n) {
      term->decide(epoch_entry(n));
      term->maintain();
    }
    for (std::uint64_t n = 0; n < 5; ++n) {
      term->committed(Epoch{n});  // known to this term only
    }
    term->maintain();
  }
  const auto term = open(root, simulated_meta(), options);
  CHECK(term->restored().pending.size() == 6);
}

TEST_CASE("Sweeping removes what older terms left and no entry names, and nothing else") {
  const auto root = memory_root();
  std::string named;
  {
    const auto term = open(root);
    const std::string changelog = [] {
      ChangelogWriter writer;
      writer.put(1, "k", std::string(100'000, 'v'));
      return writer.take();
    }();
    term->store_changes(totals_operator, 0, Epoch{0}, changelog);
    auto entry = epoch_entry(0);
    entry.changes = {term->store_changes(totals_operator, 1, Epoch{0}, changelog)};
    named = entry.changes[0].file->name;
    term->decide(entry);
  }
  const auto term = open(root);
  const auto own =
      term->store_changes(totals_operator, 0, Epoch{1}, std::string(100'000, 'x')).file->name;
  CHECK(root->list("state/").size() == 3);
  term->sweep();
  CHECK(root->list("state/") == std::vector<std::string>{named, own});
}

TEST_CASE("Changes are stored from several threads while decisions are written") {
  const auto root = memory_root();
  const auto term = open(root);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 3; ++t) {
    threads.emplace_back([&term, t] {
      for (int i = 0; i < 50; ++i) {
        term->store_changes(totals_operator, t, Epoch{0}, std::string(70'000, 'x'));
      }
    });
  }
  std::thread maintenance([&term] {
    for (int i = 0; i < 50; ++i) {
      term->maintain();
    }
  });
  for (std::uint64_t n = 0; n < 50; ++n) {
    term->decide(epoch_entry(n));
    term->committed(Epoch{n});
  }
  for (auto& thread : threads) {
    thread.join();
  }
  maintenance.join();
  CHECK(root->list("state/").size() >= 150);
  CHECK(number(open(root)->restored().last->epoch) == 49);
}

TEST_CASE("A missing entry or meta is corruption, never an empty start") {
  const auto root = memory_root();
  OutsideWorld world;
  SimulatedQuery(root, world, "a", {}, 1).run_until(5);
  for (const auto& name : root->list("")) {
    if (name == root->list("log/").back()) {
      continue;  // a tail that was never written looks the same
    }
    CAPTURE(name);
    const auto copy = memory_root();
    for (const auto& other : root->list("")) {
      if (other != name) {
        const auto bytes = *root->read(other);
        copy->put_if_absent(other, std::as_bytes(std::span(bytes.data(), bytes.size())));
      }
    }
    message_of(ErrorCode::corrupt, [&] { open(copy); });
  }
}

}  // namespace
}  // namespace libstream::test
