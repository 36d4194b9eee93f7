// Which memory a join's rows share, and that its changes come out whole.
#include "gather_rows.hpp"
#include "join_log.hpp"

#include <doctest/doctest.h>

#include <cstring>

using namespace libstream;

namespace {

constexpr std::size_t text_size = 50;

/// Texts of one length one behind the other, each its number in letters.
BufferPtr heap_of(std::size_t texts) {
  auto heap = Buffer::allocate(texts * text_size);
  for (std::size_t i = 0; i < texts; ++i) {
    std::memset(heap->as<char>() + i * text_size, 'a' + static_cast<int>(i % 26), text_size);
  }
  return heap;
}

/// `rows` strings, row i text number i modulo those of the heap; every seventh is null.
BatchPtr texts_of(const BufferPtr& heap, std::size_t rows, bool nulls = false) {
  const std::size_t texts = heap->size() / text_size;
  auto views = Buffer::allocate(rows * sizeof(StringView));
  std::shared_ptr<Buffer> validity;
  if (nulls) {
    validity = Buffer::allocate((rows + 63) / 64 * 8);
    std::memset(validity->data(), 0xff, validity->size());
  }
  for (std::size_t i = 0; i < rows; ++i) {
    views->as<StringView>()[i] =
        StringView(std::string_view(heap->as<char>() + i % texts * text_size, text_size));
    if (nulls && i % 7 == 0) {
      validity->as<std::uint64_t>()[i / 64] &= ~(std::uint64_t{1} << (i % 64));
    }
  }
  return make_batch({Column::fixed(TypeId::string, rows, views, validity, {heap})});
}

const Schema schema = Schema::parse("v string");

bool keeps(const Batch& batch, const BufferPtr& heap) {
  const auto& heaps = batch.columns[0]->heaps();
  return std::find(heaps.begin(), heaps.end(), heap) != heaps.end();
}

void check_same(const Column& column, const Batch& batch, std::span<const std::uint32_t> rows) {
  REQUIRE(column.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Column& expected = *batch.columns[0];
    REQUIRE(column.is_null(i) == expected.is_null(rows[i]));
    if (!column.is_null(i)) REQUIRE(column.string(i) == expected.string(rows[i]));
  }
}

RowList all_of(const std::vector<BatchPtr>& batches) {
  RowList list;
  for (std::uint32_t i = 0; i < batches[0]->rows; ++i) {
    for (const BatchPtr& batch : batches) list.push_back(batch.get(), i);
  }
  return list;
}

}  // namespace

TEST_CASE("join memory: a dictionary's texts are copied twice over, then it is kept") {
  SharedHeaps heaps;
  const BufferPtr dictionary = heap_of(1000);
  std::size_t copied = 0;
  for (int i = 0; i < 50; ++i) {
    const BatchPtr batch = texts_of(dictionary, 100);
    const BatchPtr own = own_rows(schema, *batch, heaps);
    std::vector<std::uint32_t> rows(100);
    for (std::uint32_t r = 0; r < 100; ++r) rows[r] = r;
    check_same(*own->columns[0], *batch, rows);
    CHECK(keeps(*own, dictionary) == (copied >= 2 * dictionary->size()));
    if (!keeps(*own, dictionary)) copied += 100 * text_size;
    // Of a dictionary that others have too, the part that the rows need.
    CHECK(owned_bytes(*own) >= 100 * (sizeof(StringView) + text_size));
    CHECK(owned_bytes(*own) <= 100 * (sizeof(StringView) + text_size) / 4 * 5 + 256);
  }
  CHECK(copied == 2 * dictionary->size());
  // A few rows of a large batch are copied even so: its views are nobody else's.
  const BatchPtr part = slice(*texts_of(dictionary, 4000), 100, 10);
  CHECK(!keeps(*own_rows(schema, *part, heaps), dictionary));
}

TEST_CASE("join memory: large batches one after the other are copied where little of each stays") {
  SharedHeaps heaps;
  for (int i = 0; i < 20; ++i) {
    const BufferPtr heap = heap_of(1000);
    for (int part = 0; part < 3; ++part) {
      CHECK(!keeps(*own_rows(schema, *texts_of(heap, 100), heaps), heap));
    }
  }
  const BufferPtr heap = heap_of(100);
  CHECK(keeps(*own_rows(schema, *texts_of(heap, 100), heaps), heap));
}

TEST_CASE("join memory: results share texts of few heaps, and copy those of many") {
  for (const std::size_t count : {1U, 3U, 8U, 9U, 40U}) {
    CAPTURE(count);
    std::vector<BatchPtr> batches;
    for (std::size_t i = 0; i < count; ++i) batches.push_back(texts_of(heap_of(64), 64, true));
    const RowList list = all_of(batches);
    for (const Texts texts : {Texts::copied, Texts::shared}) {
      const ColumnPtr column = gather_column(TypeId::string, list, 0, texts);
      REQUIRE(column->size() == 64 * count);
      for (std::uint32_t i = 0; i < list.size(); ++i) {
        const Column& from = *list.batches[i]->columns[0];
        REQUIRE(column->is_null(i) == from.is_null(list.rows[i]));
        if (!column->is_null(i)) REQUIRE(column->string(i) == from.string(list.rows[i]));
      }
      const bool shared = texts == Texts::shared && count <= 8;
      CHECK(column->heaps().size() == (shared ? count : 1));
      CHECK((column->heaps()[0] == batches[0]->columns[0]->heaps()[0]) == shared);
    }
  }
  // One row of a large heap.
  const BatchPtr large = texts_of(heap_of(64), 64);
  RowList one;
  one.push_back(large.get(), 5);
  const ColumnPtr column = gather_column(TypeId::string, one, 0, Texts::shared);
  CHECK(column->heaps()[0] != large->columns[0]->heaps()[0]);
  CHECK(column->string(0) == large->columns[0]->string(5));
}

TEST_CASE("join memory: the log of an epoch has the changes in order, whatever their size") {
  JoinLog log;
  for (const std::size_t rounds : {3U, 200U, 20U}) {  // epochs smaller and larger than the last
    ChangelogWriter expected;
    ChangelogWriter changes;
    expected.put(9, "before", "the join");
    changes.put(9, "before", "the join");
    for (std::size_t i = 0; i < rounds; ++i) {
      const std::string key = "k" + std::to_string(i);
      const std::string value(i * 997, static_cast<char>('a' + i % 26));
      log.put(static_cast<std::uint32_t>(i), key, value);
      expected.put(static_cast<std::uint32_t>(i), key, value);
      if (i % 3 != 0) continue;
      log.erase(1, key);
      expected.erase(1, key);
    }
    log.collect(changes);
    CHECK(changes.bytes() == expected.bytes());
    CHECK(changes.entries() == expected.entries());
  }
  ChangelogWriter none;
  log.collect(none);
  CHECK(none.empty());
}
