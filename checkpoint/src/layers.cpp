#include "layers.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace libstream::checkpoint {
namespace {

/// Goes through a layer by ascending key groups and holds one file at a time.
class LayerReader final {
 public:
  LayerReader(const Layer& layer, const StateFiles& files, const std::string& owner)
      : layer_(layer), files_(files), owner_(owner) {}

  std::string_view section(std::uint32_t group) {
    if (layer_.changelog) return layer_.changelog->section(group);
    while (next_ < layer_.files.size() && layer_.files[next_].begin_group <= group) {
      const RunFile& part = layer_.files[next_++];
      loaded_.reset();
      if (part.end_group <= group) continue;
      loaded_ = Sections::of_run(files_.load(FileKind::run, part.file, owner_), part,
                                 files_.describe(part.file, owner_));
    }
    return loaded_ ? loaded_->section(group) : std::string_view();
  }
  bool distinct() const { return !layer_.changelog; }
  std::uint32_t end_group() const {
    if (layer_.changelog) return layer_.changelog->end_group();
    return layer_.files.empty() ? 0 : layer_.files.back().end_group;
  }

 private:
  const Layer& layer_;
  const StateFiles& files_;
  const std::string& owner_;
  std::size_t next_ = 0;
  std::optional<Sections> loaded_;
};

}  // namespace

std::uint64_t Layers::add(const DecidedChanges& epoch) {
  std::uint64_t bytes = 0;
  // Tasks share no key group: of one epoch the order of changelogs does not matter.
  for (const auto& task : epoch.changes) {
    auto& floors = floors_[task.op];
    std::optional<Framed> file;
    if (task.file) {
      file = files_->load(FileKind::changes, *task.file,
                          "epoch " + std::to_string(number(epoch.epoch)));
    }
    const std::string_view changelog = file ? file->body() : std::string_view(task.inline_bytes);
    bytes += changelog.size();
    auto sections = Sections::of_changelog(changelog, floors);
    if (sections.end_group() == 0) continue;
    layers_[task.op].push_back({std::make_shared<const Sections>(std::move(sections)), {}});
  }
  return bytes;
}

void Layers::add(std::span<const StateRun> runs, const std::string& owner) {
  owner_ = owner;
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
    for (auto begin = run->files.begin(); begin != run->files.end();) {
      const auto end = std::find_if(begin, run->files.end(),
                                    [&](const RunFile& file) { return file.op != begin->op; });
      layers_[begin->op].push_back({nullptr, {begin, end}});
      begin = end;
    }
  }
}

std::vector<OperatorId> Layers::operators() const {
  std::vector<OperatorId> ids;
  for (const auto& [op, layers] : layers_) ids.push_back(op);
  return ids;
}

void Layers::fold(OperatorId op, std::uint32_t begin, std::uint32_t end,
                  const std::function<void(std::uint32_t, GroupFold&)>& visit) const {
  const auto found = layers_.find(op);
  if (found == layers_.end()) return;
  std::vector<LayerReader> readers;
  std::uint32_t known_end = 0;
  for (const Layer& layer : found->second) {
    readers.emplace_back(layer, *files_, owner_);
    known_end = std::max(known_end, readers.back().end_group());
  }
  GroupFold fold;
  for (std::uint32_t group = begin; group < std::min(end, known_end); ++group) {
    for (LayerReader& reader : readers) {
      const auto section = reader.section(group);
      if (!section.empty()) fold.add(section, reader.distinct());
    }
    visit(group, fold);
    fold.clear();
  }
}

void Layers::for_each(
    OperatorId op, std::uint32_t begin, std::uint32_t end,
    const std::function<void(std::uint32_t, std::string_view, std::string_view)>& visit) const {
  fold(op, begin, end, [&visit](std::uint32_t group, GroupFold& fold) {
    fold.sort();
    for (const auto& entry : fold.entries()) {
      if (entry.kind() == ChangeKind::put) visit(group, entry.key(), entry.value());
    }
  });
}

}  // namespace libstream::checkpoint
