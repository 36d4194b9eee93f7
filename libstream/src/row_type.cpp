#include <libstream/row_type.hpp>

namespace libstream {

RowColumns::RowColumns(RowMembers members, bool single, const Schema& schema, std::string row)
    : members_(members), row_(std::move(row)) {
  FieldProblems problems;
  if (single && schema.size() == 1) {
    columns_ = {0};
    members_[0].check(schema[0].type, row_, problems);
  } else {
    columns_ = places_of(members_, schema.fields(), row_, problems);
  }
  if (!problems.empty()) {
    throw Error(ErrorCode::analysis, "TYPE_MISMATCH", "as<" + row_ + ">(): " + problems.text());
  }
}

void RowColumns::read(const Batch& batch, void* rows, std::size_t stride) const {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    try {
      members_[i].read(*batch.columns[columns_[i]], 0, batch.rows, rows, stride);
    } catch (const Error& error) {
      throw Error(error.code(), row_ + "." + members_[i].name + ": " + error.what());
    }
  }
}

BatchPtr write_rows(RowMembers members, const void* rows, std::size_t stride, std::size_t count) {
  std::vector<ColumnPtr> columns;
  for (const RowMember& member : members) columns.push_back(member.column(rows, stride, count));
  return make_batch(std::move(columns), count);
}

}  // namespace libstream

template class std::vector<libstream::DataType>;
template class std::vector<libstream::Field>;
template class std::vector<libstream::ColumnPtr>;
template class std::vector<libstream::BatchPtr>;
template class std::shared_ptr<const libstream::Column>;
template class std::shared_ptr<const libstream::Batch>;
