#include "read_only_root.hpp"

#include "object_files.hpp"
#include "object_name.hpp"

#include <libstream/error.hpp>

#include <utility>

namespace libstream::checkpoint {
namespace {

class ReadOnlyRoot final : public CheckpointRoot {
 public:
  ReadOnlyRoot(const std::string& path, std::shared_ptr<FileSystem> files)
      : path_(path), files_(std::move(files)) {
    const auto status = files_->status(path_);
    if (!status || !status->directory) {
      throw Error(ErrorCode::unreachable, "there is no checkpoint in " + path_ +
                                              ": give the directory that the query was given");
    }
  }

  bool put_if_absent(const std::string& name, std::span<const std::byte>) override {
    refuse("write", name);
  }
  std::optional<std::string> read(const std::string& name) override {
    check_object_name(name);
    return read_object(*files_, path_ + "/" + name);
  }
  std::vector<std::string> list(const std::string& prefix) override {
    return list_objects(*files_, path_, prefix);
  }
  void remove(const std::string& name) override { refuse("remove", name); }
  std::string describe() const override { return path_; }

 private:
  [[noreturn]] void refuse(const std::string& action, const std::string& name) const {
    throw Error(ErrorCode::invalid_argument, "cannot " + action + " " + name +
                                                 " in the checkpoint " + path_ +
                                                 ": it is open for reading only");
  }

  const std::string path_;
  const std::shared_ptr<FileSystem> files_;
};

}  // namespace

std::shared_ptr<CheckpointRoot> read_only_root(const std::string& path,
                                               std::shared_ptr<FileSystem> files) {
  return std::make_shared<ReadOnlyRoot>(path, std::move(files));
}

}  // namespace libstream::checkpoint
