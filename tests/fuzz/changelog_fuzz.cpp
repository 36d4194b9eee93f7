// Changelogs and the values in them. The first byte chooses the type of the values.
#include "fuzz_input.hpp"
#include "group_fold.hpp"
#include "sections.hpp"

#include <libstream/error.hpp>
#include <libstream/schema.hpp>
#include <libstream/state.hpp>
#include <libstream/value_codec.hpp>

#include <array>
#include <string>

namespace {

using namespace libstream;
using namespace libstream::checkpoint;

void values(std::uint8_t choice, std::string_view bytes) {
  constexpr std::array<std::string_view, 8> types{"bigint",
                                                  "string",
                                                  "array<struct<a: string, b: int>>",
                                                  "struct<x: double, y: binary>",
                                                  "decimal(38, 10)",
                                                  "date",
                                                  "array<array<boolean>>",
                                                  "timestamp"};
  const DataType type = DataType::parse(types[choice % types.size()]);
  ColumnBuilder builder(type);
  decode_value(bytes, builder);
  const auto column = builder.finish();
  std::string written;
  encode_value(*column, 0, written);
  std::string_view left = written;
  decode_value(left, builder);
  LIBSTREAM_ASSERT(left.empty() && builder.size() == 1, "a value takes all that was written");
}

/// The sections of a changelog hold its entries by key group, each key's newest.
void changelog(std::string_view bytes) {
  std::uint64_t puts = 0;
  Change change;
  for (ChangelogReader reader(bytes); reader.next(change);) {
    puts += change.kind == ChangeKind::put;
    if (change.kind == ChangeKind::put) values(0, change.value);
  }
  Floors floors;
  const auto sections = Sections::of_changelog(bytes, floors);
  std::uint64_t kept = 0;
  GroupFold fold;
  for (std::uint32_t group = 0; group < sections.end_group(); ++group) {
    const auto section = sections.section(group);
    if (section.empty()) continue;
    fold.clear();
    fold.add(section, false);
    fold.sort();
    for (const auto& entry : fold.entries()) kept += entry.kind() == ChangeKind::put;
  }
  LIBSTREAM_ASSERT(kept <= puts, "nothing is there that was not put");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::Input input(bytes, size);
  const auto choice = input.byte();
  try {
    values(choice, input.rest());
  } catch (const Error&) {
  }
  try {
    changelog(input.rest());
  } catch (const Error&) {
  }
  return 0;
}
