#include "meta_check.hpp"

#include "entry_codec.hpp"
#include "state_files.hpp"

#include <libstream/error.hpp>

#include <algorithm>
#include <string>
#include <vector>

namespace libstream::checkpoint {
namespace {

constexpr auto meta_name = "meta";
constexpr std::uint32_t oldest_format = 2;

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) {
    all += (all.empty() ? "" : ", ") + text;
  }
  return all.empty() ? "none" : all;
}

std::string describe(const OperatorMeta& meta) {
  return meta.name + " (id " + std::to_string(static_cast<std::uint32_t>(meta.id)) + ", " +
         meta.signature + ")";
}

void compare_operators(const CheckpointMeta& recorded, const CheckpointMeta& given,
                       std::vector<std::string>& differences) {
  const auto find = [](const CheckpointMeta& meta, OperatorId id) {
    return std::ranges::find(meta.operators, id, &OperatorMeta::id);
  };
  for (const auto& was : recorded.operators) {
    const auto is = find(given, was.id);
    if (is == given.operators.end()) {
      differences.push_back("stateful operator " + describe(was) + " is gone");
    } else if (is->name != was.name || is->signature != was.signature) {
      differences.push_back("stateful operator " + describe(was) + " became " + describe(*is));
    }
  }
  for (const auto& is : given.operators) {
    if (find(recorded, is.id) == recorded.operators.end()) {
      differences.push_back("stateful operator " + describe(is) + " is new");
    }
  }
}

void check_compatible(const CheckpointMeta& recorded, const CheckpointMeta& given,
                      const std::string& root) {
  if (recorded.format > given.format) {
    throw Error(ErrorCode::incompatible,
                "the checkpoint " + root + " has format " + std::to_string(recorded.format) +
                    ", this libstream reads formats up to " + std::to_string(given.format) +
                    ": use the newer libstream that wrote it");
  }
  if (recorded.format < oldest_format) {
    throw Error(ErrorCode::incompatible,
                "the checkpoint " + root + " has format " + std::to_string(recorded.format) +
                    ", which this libstream no longer reads (formats from " +
                    std::to_string(oldest_format) +
                    " on): run the query to its end with the libstream that wrote it, or give it "
                    "a new checkpoint directory");
  }
  std::vector<std::string> differences;
  if (recorded.hash_id != given.hash_id) {
    differences.push_back("hash function " + recorded.hash_id + " became " + given.hash_id);
  }
  if (recorded.sources != given.sources) {
    differences.push_back("sources " + joined(recorded.sources) + " became " +
                          joined(given.sources));
  }
  compare_operators(recorded, given, differences);
  if (!differences.empty()) {
    std::string all;
    for (const auto& difference : differences) {
      all += "; " + difference;
    }
    throw Error(ErrorCode::incompatible,
                "the checkpoint " + root + " belongs to another query or plan (query " +
                    recorded.query_id + ")" + all +
                    "; undo the change, or give the changed query a new checkpoint directory");
  }
}

}  // namespace

CheckpointMeta settle_meta(CheckpointRoot& root, const CheckpointMeta& meta) {
  auto found = root.read(meta_name);
  if (!found) {
    const bool has_log = !root.list("log/").empty();
    found = has_log ? root.read(meta_name) : std::nullopt;  // another start may just have begun
    if (has_log && !found) {
      throw Error(ErrorCode::corrupt,
                  "the checkpoint " + root.describe() +
                      " has a log but its file meta is missing; restore the checkpoint from a "
                      "copy, or start over with an empty checkpoint and an empty output");
    }
    if (!found && put_own(root, meta_name, encode_meta(meta))) {
      return meta;
    }
    found = root.read(meta_name);
    LIBSTREAM_ASSERT(found, "meta is never removed");
  }
  auto recorded =
      decode_meta(*found, "file meta (before any epoch) in the checkpoint " + root.describe());
  check_compatible(recorded, meta, root.describe());
  return recorded;
}

}  // namespace libstream::checkpoint
