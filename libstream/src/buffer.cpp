#include <libstream/buffer.hpp>

#include <new>

namespace libstream {
namespace {
constexpr std::size_t alignment = 64;
constexpr std::size_t padding = 64;
}  // namespace

std::shared_ptr<Buffer> Buffer::allocate(std::size_t size) {
  const std::size_t room = (size + padding + alignment - 1) / alignment * alignment;
  auto* data = static_cast<std::byte*>(::operator new (room, std::align_val_t{alignment}));
  std::memset(data + size, 0, room - size);
  return std::shared_ptr<Buffer>(new Buffer(data, size));
}

Buffer::~Buffer() { ::operator delete (data_, std::align_val_t{alignment}); }

}  // namespace libstream
