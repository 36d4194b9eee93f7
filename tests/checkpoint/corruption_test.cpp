#include "simulated_query.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace libstream::test {
namespace {

/// Objects as a plain map, so that tests can damage them; remembers which were read.
class OpenRoot final : public CheckpointRoot {
 public:
  bool put_if_absent(const std::string& name, std::span<const std::byte> bytes) override {
    return objects
        .emplace(name, std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()))
        .second;
  }
  std::optional<std::string> read(const std::string& name) override {
    reads.insert(name);
    const auto found = objects.find(name);
    return found == objects.end() ? std::nullopt : std::optional(found->second);
  }
  std::vector<std::string> list(const std::string& prefix) override {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : objects) {
      if (name.starts_with(prefix)) {
        names.push_back(name);
      }
    }
    return names;
  }
  void remove(const std::string& name) override { objects.erase(name); }
  std::string describe() const override { return "in a map"; }

  Content objects;
  std::set<std::string> reads;
};

/// A checkpoint with a snapshot, changelogs in entries and files, a handle in a file and a close.
Content checkpoint_objects(const TermOptions& options) {
  const auto root = std::make_shared<OpenRoot>();
  OutsideWorld world;
  SimulatedQuery query(root, world, "a", options, 1);
  query.run_until(6);
  EpochEntry entry;
  entry.epoch = Epoch{6};
  entry.sinks = {{"main", {{std::string(Term::entry_inline_limit + 1, 'h'), 1}}}};
  query.term().decide(entry);
  query.term().close();
  return root->objects;
}

/// As a restart does: opens and reads all state.
void open(const std::shared_ptr<OpenRoot>& root, const TermOptions& options) {
  Environment environment;
  environment.random = seeded_random(77);
  const auto term = Term::open(root, simulated_meta(), environment, options);
  read_state(*term, totals_operator);
  read_state(*term, large_operator);
}

/// Opens over damaged objects; the Error must name the damaged one.
void check_detected(const Content& objects, const std::string& name, const TermOptions& options) {
  const auto root = std::make_shared<OpenRoot>();
  root->objects = objects;
  try {
    open(root, options);
    FAIL_CHECK("damage was not noticed");
  } catch (const Error& error) {
    const std::string message = error.what();
    CHECK_MESSAGE(error.code() == ErrorCode::corrupt, message);
    CHECK_MESSAGE(message.find(name) != std::string::npos, message);
    CHECK_MESSAGE(message.find("epoch") != std::string::npos, message);
    CHECK_MESSAGE(message.find("CRC") != std::string::npos, message);
  }
}

std::set<std::string> needed(const Content& objects, const TermOptions& options) {
  const auto root = std::make_shared<OpenRoot>();
  root->objects = objects;
  open(root, options);
  std::set<std::string> names;
  for (const auto& name : root->reads) {
    if (objects.contains(name)) {
      names.insert(name);
    }
  }
  return names;
}

/// Every name of the objects, by the kind of its file.
std::map<char, std::vector<std::string>> by_kind(const Content& objects,
                                                 const std::set<std::string>& names) {
  std::map<char, std::vector<std::string>> kinds;
  for (const auto& name : names) kinds[objects.at(name).at(7)].push_back(name);
  return kinds;
}

/// Flips bits of one object: header and end byte by byte, the body here and there.
void flip_bits(const Content& objects, const std::string& name, std::size_t flips,
               std::mt19937_64& random, const TermOptions& options) {
  const auto& bytes = objects.at(name);
  for (std::size_t i = 0; i < flips; ++i) {
    const auto at = i < 28 ? i : i < 32 ? bytes.size() - (i - 27) : random() % bytes.size();
    CAPTURE(at);
    auto damaged = objects;
    damaged[name][at] = static_cast<char>(bytes[at] ^ (1 << (random() % 8)));
    check_detected(damaged, name, options);
  }
}

void cut(const Content& objects, const std::string& name, const TermOptions& options) {
  const auto whole = objects.at(name).size();
  for (const auto size : {std::size_t{0}, std::size_t{1}, std::size_t{27}, whole / 2, whole - 1}) {
    CAPTURE(size);
    auto damaged = objects;
    damaged[name].resize(size);
    check_detected(damaged, name, options);
  }
  auto longer = objects;
  longer[name] += '\0';
  check_detected(longer, name, options);
}

/// `flips` of each kind of file.
void damage_all(const TermOptions& options, std::size_t flips) {
  const auto objects = checkpoint_objects(options);
  std::mt19937_64 random(2024);
  const auto kinds = by_kind(objects, needed(objects, options));
  std::set<char> found;
  for (const auto& [kind, names] : kinds) {
    found.insert(kind);
    for (const auto& name : names) {
      CAPTURE(name);
      flip_bits(objects, name, flips / names.size() + 1, random, options);
      cut(objects, name, options);
    }
  }
  CHECK(found == std::set<char>{'M', 'E', 'C', 'H', 'R'});
}

TermOptions snapshot_options() {
  TermOptions options;
  options.snapshot_epochs = 4;
  return options;
}

TEST_CASE("Every flipped bit and every cut is noticed and the message names file and epoch") {
  damage_all(snapshot_options(), 1000);
}

TEST_CASE("Files that changed places are noticed") {
  const auto options = snapshot_options();
  const auto objects = checkpoint_objects(options);
  const auto names = needed(objects, options);
  for (const auto& a : names) {
    for (const auto& b : names) {
      if (a < b && a.starts_with("state/") == b.starts_with("state/")) {
        CAPTURE(a);
        CAPTURE(b);
        auto swapped = objects;
        std::swap(swapped[a], swapped[b]);
        const auto root = std::make_shared<OpenRoot>();
        root->objects = swapped;
        CHECK_THROWS_AS(open(root, options), Error);
      }
    }
  }
}

}  // namespace
}  // namespace libstream::test
