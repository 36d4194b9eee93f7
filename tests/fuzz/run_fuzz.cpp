// Run files of snapshots, behind a frame that fits.
#include "fuzz_input.hpp"
#include "group_fold.hpp"
#include "sections.hpp"

#include <libstream/error.hpp>
#include <libstream/state.hpp>

#include <string>

namespace {

using namespace libstream;
using namespace libstream::checkpoint;

void read_run(std::string_view bytes) {
  const RunFile reference{{"state/1", bytes.size(), 0}, OperatorId{0}, 0, 128};
  const auto sections =
      Sections::of_run(Framed(std::string(bytes), 0, bytes.size()), reference, "the input");
  GroupFold fold;
  for (std::uint32_t group = 0; group < reference.end_group; ++group) {
    const auto section = sections.section(group);
    if (section.empty()) continue;
    fold.clear();
    fold.add(section, false);
    fold.sort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  fuzz::Input input(bytes, size);
  try {
    read_run(input.rest());
  } catch (const Error&) {
  }
  return 0;
}
