#include <libstream/operators/keyed_stream.hpp>

namespace libstream {
namespace {

class AppendKeyOperator final : public Operator {
 public:
  explicit AppendKeyOperator(std::unique_ptr<BatchTransform> transform)
      : transform_(std::move(transform)) {}
  void start(const EpochStart& /*epoch*/) override {}
  Flow process(BatchPtr batch, std::size_t /*input*/, Output& output) override {
    output.emit(transform_->run(*batch));
    return Flow::done;
  }

 private:
  std::unique_ptr<BatchTransform> transform_;
};

class AppendKeyOperation final : public Operation {
 public:
  AppendKeyOperation(Schema keys, BindTransform bind)
      : keys_(std::move(keys)), bind_(std::move(bind)) {}

  OperationPlan plan(std::span<const OperationInput> inputs) const override {
    OperationPlan plan;
    plan.name = "group_by_key";
    plan.accounts = true;
    auto fields = inputs[0].schema.fields();
    fields.insert(fields.end(), keys_.begin(), keys_.end());
    plan.schema = Schema(std::move(fields));
    plan.event_times = inputs[0].event_times;
    bind_(inputs[0].schema);  // throws here what does not fit
    plan.factory = [bind = bind_, schema = inputs[0].schema](
                       const OperatorContext&) -> std::unique_ptr<Operator> {
      return std::make_unique<AppendKeyOperator>(bind(schema));
    };
    return plan;
  }

 private:
  Schema keys_;
  BindTransform bind_;
};

}  // namespace

std::shared_ptr<const Operation> append_key_operation(Schema keys, BindTransform bind) {
  return std::make_shared<AppendKeyOperation>(std::move(keys), std::move(bind));
}

}  // namespace libstream
