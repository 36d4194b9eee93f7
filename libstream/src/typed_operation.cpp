#include <libstream/error.hpp>
#include <libstream/typed_stream.hpp>

#include <algorithm>
#include <exception>

namespace libstream {
namespace {

class TransformOperator final : public Operator {
 public:
  explicit TransformOperator(std::unique_ptr<BatchTransform> transform)
      : transform_(std::move(transform)) {}

  void start(const EpochStart& /*epoch*/) override { filtered_ = made_ = 0; }

  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    BatchPtr result = transform_->run(*batch);
    const std::size_t rows = result == nullptr ? 0 : result->rows;
    if (rows < batch->rows) {
      filtered_ += batch->rows - rows;
    } else {
      made_ += rows - batch->rows;
    }
    if (result != nullptr) output.emit(std::move(result));
    return Flow::done;
  }

  OperatorMetrics metrics() const override {
    OperatorMetrics metrics;
    metrics.filtered_rows = filtered_;
    metrics.made_rows = made_;
    return metrics;
  }

 private:
  std::unique_ptr<BatchTransform> transform_;
  std::uint64_t filtered_ = 0;
  std::uint64_t made_ = 0;
};

class TypedOperation final : public Operation {
 public:
  TypedOperation(std::string name, Schema output, BindTransform bind,
                 std::function<std::vector<std::uint32_t>(const Schema&)> columns)
      : name_(std::move(name)),
        output_(std::move(output)),
        bind_(std::move(bind)),
        columns_(std::move(columns)) {}

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    OperationPlan plan;
    plan.name = name_;
    plan.accounts = true;
    plan.schema = output_;
    plan.columns = {columns_(inputs[0].schema)};
    plan.factory = [bind = bind_, schema = inputs[0].schema](
                       const OperatorContext&) -> std::unique_ptr<Operator> {
      return std::make_unique<TransformOperator>(bind(schema));
    };
    return plan;
  }

 private:
  std::string name_;
  Schema output_;
  BindTransform bind_;
  std::function<std::vector<std::uint32_t>(const Schema&)> columns_;
};

}  // namespace

void throw_user_error(const std::string& function) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::user_function) throw;
    throw Error(ErrorCode::user_function, error.error_class(),
                "the function of " + function + " failed: " + error.what());
  } catch (const std::exception& error) {
    throw Error(ErrorCode::user_function,
                "the function of " + function + " threw: " + error.what());
  } catch (...) {
    throw Error(ErrorCode::user_function,
                "the function of " + function + " threw something that is no std::exception");
  }
}

std::shared_ptr<const Operation> typed_operation(
    std::string name, Schema output, BindTransform bind,
    std::function<std::vector<std::uint32_t>(const Schema&)> columns) {
  return std::make_shared<TypedOperation>(std::move(name), std::move(output), std::move(bind),
                                          std::move(columns));
}

}  // namespace libstream
