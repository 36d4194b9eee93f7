#pragma once

#include <libstream/batch.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace libstream {

/// A source for tests: rows that the program adds. Every `add` is one offset; it keeps all rows, so
/// a query restarted in the same process reads on where its checkpoint says. Copies share the rows;
/// safe to use from any thread.
class MemoryStream {
 public:
  explicit MemoryStream(std::string_view schema);
  explicit MemoryStream(Schema schema);

  void add(const std::vector<Row>& rows);
  void add(std::initializer_list<Row> rows) { add(std::vector<Row>(rows)); }  ///< also {{0}}
  void add(BatchPtr batch);
  /// Adds to several streams at once: the rows belong to the same epoch.
  static void add_together(const std::vector<std::pair<MemoryStream, std::vector<Row>>>& rows);
  const Schema& schema() const;

  struct Shared;
  const std::shared_ptr<Shared>& shared() const { return shared_; }

 private:
  std::shared_ptr<Shared> shared_;
};

struct MemoryStream::Shared {
  Schema schema;
  /// One for the process, and the planning lock of all memory sources: add_together is atomic.
  std::shared_ptr<std::recursive_mutex> mutex;
  std::vector<BatchPtr> batches;  ///< index = offset
};

/// A sink for tests: committed rows, by epoch. Copies share the rows; safe from any thread.
class MemoryTable {
 public:
  MemoryTable();
  /// All rows so far; with complete mode those of the newest epoch.
  std::vector<Row> rows() const;
  std::vector<Row> rows_of(Epoch epoch) const;
  std::vector<Epoch> epochs() const;
  /// "ada 2 | bob 1", rows sorted.
  std::string text() const;
  void clear();

  struct Shared;
  const std::shared_ptr<Shared>& shared() const { return shared_; }

 private:
  std::shared_ptr<Shared> shared_;
};

struct MemoryTable::Shared {
  mutable std::mutex mutex;
  Schema schema;
  bool replace = false;                                    ///< complete mode
  std::vector<std::pair<Epoch, std::vector<Row>>> epochs;  ///< ascending; committed once each
};

}  // namespace libstream
