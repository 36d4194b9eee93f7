#include <libstream/environment.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <random>

#if defined(__SSE4_2__)
#include <immintrin.h>
#endif

namespace libstream {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t now_milliseconds() override {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  }
  std::int64_t steady_microseconds() override {
    using namespace std::chrono;
    return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
  }
};

class SystemRandom final : public Random {
 public:
  std::uint64_t next() override {
    const std::lock_guard lock(mutex_);
    return (std::uint64_t{device_()} << 32) | device_();
  }

 private:
  std::mutex mutex_;
  std::random_device device_;
};

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() override {
    const std::lock_guard lock(mutex_);
    return engine_();
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

#if !defined(__SSE4_2__)
constexpr auto make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82f63b78U : 0U);
    table[i] = value;
  }
  return table;
}
constexpr auto crc_table = make_crc_table();
#endif

}  // namespace

std::string Random::uuid() {
  const std::uint64_t high = next();
  const std::uint64_t low = next();
  char text[40];
  std::snprintf(text, sizeof text, "%08x-%04x-%04x-%04x-%012llx", static_cast<unsigned>(high >> 32),
                static_cast<unsigned>((high >> 16) & 0xffff),
                static_cast<unsigned>((high & 0x0fff) | 0x4000),
                static_cast<unsigned>(((low >> 48) & 0x3fff) | 0x8000),
                static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

std::shared_ptr<Clock> system_clock() { return std::make_shared<SystemClock>(); }
std::shared_ptr<Random> system_random() { return std::make_shared<SystemRandom>(); }
std::shared_ptr<Random> seeded_random(std::uint64_t seed) {
  return std::make_shared<SeededRandom>(seed);
}

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t crc) {
  std::uint32_t value = ~crc;
#if defined(__SSE4_2__)
  const std::byte* at = bytes.data();
  std::size_t rest = bytes.size();
  std::uint64_t wide = value;
  for (; rest >= 8; rest -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  value = static_cast<std::uint32_t>(wide);
  for (; rest > 0; --rest, ++at) value = _mm_crc32_u8(value, static_cast<std::uint8_t>(*at));
#else
  for (const std::byte byte : bytes) {
    value = (value >> 8) ^ crc_table[(value ^ static_cast<std::uint32_t>(byte)) & 0xff];
  }
#endif
  return ~value;
}

}  // namespace libstream
