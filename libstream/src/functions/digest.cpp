#include "digest.hpp"

#include "spark_hash.hpp"
#include "text_rows.hpp"

namespace libstream {
namespace {

void append_hex(std::string_view bytes, std::string& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
}

template <std::string (*digest)(std::string_view)>
ColumnPtr digest_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    append_hex(digest(text_at(call.arguments[0], i)), out);
    return true;
  });
}

/// sha2(bytes, bits): 0 is 256; null for other lengths than 224, 256, 384 and 512.
ColumnPtr sha2_kernel(const KernelCall& call) {
  return make_texts(call, [&](std::size_t i, std::string& out) {
    const std::string digest =
        sha2_digest(text_at(call.arguments[0], i), value_at<std::int32_t>(call.arguments[1], i));
    append_hex(digest, out);
    return !digest.empty();
  });
}

ColumnPtr crc32_kernel(const KernelCall& call) {
  return make_values<std::int64_t>(call, [&](std::size_t i, std::int64_t& out) {
    out = crc32_checksum(text_at(call.arguments[0], i));
    return true;
  });
}

/// Chained over the arguments; nulls leave the hash as it is.
template <class T, class Hash, Hash (*hash)(const Column&, std::size_t, Hash)>
ColumnPtr hash_kernel(const KernelCall& call) {
  auto values = allocate_values<T>(call.rows);
  for (std::size_t i = 0; i < call.rows; ++i) {
    Hash state = 42;
    for (const Vector& argument : call.arguments) {
      if (!argument.is_null(i)) state = hash(*argument.column, argument.constant ? 0 : i, state);
    }
    values->template as<T>()[i] = static_cast<T>(state);
  }
  return make_result(call, std::move(values));
}
template <TypeId type>
std::optional<Signature> resolve_hash(std::span<const BoundPtr> a) {
  std::vector<DataType> types;
  for (const BoundPtr& argument : a) types.push_back(argument->type);
  return signature(std::move(types), type);
}

}  // namespace

std::span<const Function> digest_functions() {
  static const std::vector<Function> rows = [] {
    constexpr auto text = takes<TypeId::binary, TypeId::string>;
    TableBuilder t;
    t.add("hash", "hash(value, …)", 1, any_number, resolve_hash<TypeId::integer>,
          always<hash_kernel<std::int32_t, std::uint32_t, spark_murmur3>>)
        .nulls = NullRule::own;
    t.add("xxhash64", "xxhash64(value, …)", 1, any_number, resolve_hash<TypeId::bigint>,
          always<hash_kernel<std::int64_t, std::uint64_t, spark_xxhash64>>)
        .nulls = NullRule::own;
    t.add("md5", "md5(binary)", 1, 1, text, always<digest_kernel<md5_digest>>);
    for (const char* name : {"sha1", "sha"}) {
      t.add(name, "sha1(binary)", 1, 1, text, always<digest_kernel<sha1_digest>>);
    }
    t.add("sha2", "sha2(binary, bits)", 2, 2,
          may_take<TypeId::binary, TypeId::integer, TypeId::string>, always<sha2_kernel>);
    t.add("crc32", "crc32(binary)", 1, 1, takes<TypeId::binary, TypeId::bigint>,
          always<crc32_kernel>);
    return t.take();
  }();
  return rows;
}

}  // namespace libstream
