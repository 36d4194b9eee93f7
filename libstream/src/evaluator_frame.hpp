#pragma once

#include <libstream/batch.hpp>
#include <libstream/bound_expression.hpp>

#include <vector>

namespace libstream {

/// The rows an evaluation is about: a whole batch, or some rows of another frame. The columns of
/// a part are gathered when an expression asks for them, so that kernels always run dense.
class Frame {
 public:
  explicit Frame(const Batch& batch) : batch_(batch), rows_(batch.rows) {}
  /// `rows` of `parent`, which must outlive this.
  Frame(Frame& parent, const Selection& rows);
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  std::size_t rows() const { return rows_; }
  const ColumnPtr& column(std::uint32_t index);
  /// Number in the batch of each row; nullptr = the same.
  const std::uint32_t* batch_rows() const { return parent_ ? batch_rows_.data() : nullptr; }

 private:
  const Batch& batch_;
  std::size_t rows_;
  Frame* parent_ = nullptr;
  Selection batch_rows_;
  std::vector<ColumnPtr> columns_;
};

}  // namespace libstream
