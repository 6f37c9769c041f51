#include "embed/detail/bert_graph.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <openvino/op/mvn.hpp>
#include <openvino/opsets/opset13.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rage::embed::detail {
namespace {

namespace op = ov::opset13;
using Value = ov::Output<ov::Node>;

// Far below any score, yet finite: a row of padding alone must not become NaN.
constexpr float kMasked = -1e9F;

constexpr const char* kWords = "embeddings.word_embeddings.weight";

std::optional<ov::element::Type> element_type(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return ov::element::f32;
    case TensorType::kF16:
      return ov::element::f16;
    case TensorType::kBf16:
      return ov::element::bf16;
    case TensorType::kOther:
      return std::nullopt;
  }
  return std::nullopt;
}

Value integers(std::vector<std::int64_t> values) {
  return op::Constant::create(ov::element::i64, {values.size()}, values);
}

Value scalar(float value) {
  return op::Constant::create(ov::element::f32, {}, {value});
}

std::shared_ptr<op::Parameter> token_input(const char* name) {
  auto input = std::make_shared<op::Parameter>(ov::element::i32, ov::PartialShape{-1, -1});
  input->output(0).set_names({name});
  return input;
}

// One thread. The first tensor that is wrong is remembered and the graph is then worthless, which
// keeps the description of the architecture below free of error paths.
class Builder final {
 public:
  Builder(const std::shared_ptr<const SafetensorsFile>& weights, const BertConfig& config)
      : weights_(weights), config_(config) {
    // Files of a bare model have no prefix, those of a model with a head have one.
    for (const char* prefix : {"bert.", "roberta."}) {
      if (weights->find(std::string(prefix) + kWords) != nullptr) prefix_ = prefix;
    }
  }

  Result<std::shared_ptr<ov::Model>> build() {
    const ov::ParameterVector inputs = {token_input("ids"), token_input("positions"),
                                        token_input("segments")};
    Value state = embed(inputs[0], inputs[1]);
    const Value mask = attention_mask(inputs[2]);
    for (std::size_t i = 0; i < config_.layers && !error_; ++i) {
      state = layer(state, mask, fmt::format("encoder.layer.{}.", i));
    }
    if (error_) return fail(*error_);
    const auto result = std::make_shared<op::Result>(state);
    return std::make_shared<ov::Model>(ov::ResultVector{result}, inputs, "bert");
  }

 private:
  Value weight(const std::string& name, const ov::Shape& shape) {
    const TensorInfo* tensor = weights_->find(prefix_ + name);
    const auto type = tensor == nullptr ? std::nullopt : element_type(tensor->type);
    if (!type || !std::ranges::equal(tensor->shape, shape)) {
      if (!error_) error_ = weight_error(name, shape, tensor);
      return op::Constant::create(ov::element::f32, shape, {0.0F});
    }
    const std::byte* bytes = weights_->bytes_of(*tensor).data();
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes) % type->size() == 0;
    const auto owner = std::const_pointer_cast<SafetensorsFile>(weights_);
    const auto constant = aligned ? std::make_shared<op::Constant>(*type, shape, bytes, owner)
                                  : std::make_shared<op::Constant>(*type, shape, bytes);
    if (*type == ov::element::f32) return constant;
    return std::make_shared<op::Convert>(constant, ov::element::f32);
  }

  Error weight_error(const std::string& name, const ov::Shape& shape,
                     const TensorInfo* tensor) const {
    const std::string why =
        tensor == nullptr ? "is missing"
        : !element_type(tensor->type)
            ? "has an element type other than F32, F16, BF16"
            : fmt::format("has shape [{}], config.json says [{}]", fmt::join(tensor->shape, ", "),
                          fmt::join(shape, ", "));
    return Error{.code = ErrorCode::kDataLoss,
                 .message = fmt::format("model.safetensors: tensor '{}{}' {}", prefix_, name, why)};
  }

  Value linear(const Value& input, const std::string& name, std::size_t from, std::size_t to) {
    const auto product =
        std::make_shared<op::MatMul>(input, weight(name + ".weight", {to, from}), false, true);
    return std::make_shared<op::Add>(product, weight(name + ".bias", {to}));
  }

  Value layer_norm(const Value& input, const std::string& name) {
    const ov::Shape shape = {config_.hidden};
    const auto normal = std::make_shared<ov::op::v6::MVN>(
        input, integers({-1}), true, config_.layer_norm_epsilon, ov::op::MVNEpsMode::INSIDE_SQRT);
    const auto scaled = std::make_shared<op::Multiply>(normal, weight(name + ".weight", shape));
    return std::make_shared<op::Add>(scaled, weight(name + ".bias", shape));
  }

  Value lookup(const std::string& name, std::size_t rows, const Value& indices) {
    const auto axis = op::Constant::create(ov::element::i32, {}, {0});
    return std::make_shared<op::Gather>(weight(name + ".weight", {rows, config_.hidden}), indices,
                                        axis);
  }

  Value embed(const Value& ids, const Value& positions) {
    const Value words = lookup("embeddings.word_embeddings", config_.vocabulary, ids);
    const Value places = lookup("embeddings.position_embeddings", config_.positions, positions);
    const Value first_type = op::Constant::create(ov::element::i32, {1, 1}, {0});
    const Value types = lookup("embeddings.token_type_embeddings", config_.token_types, first_type);
    const auto sum = std::make_shared<op::Add>(std::make_shared<op::Add>(words, places), types);
    return layer_norm(sum, "embeddings.LayerNorm");
  }

  // [rows, 1, row_tokens, row_tokens]: 0 inside a segment, kMasked between two.
  static Value attention_mask(const Value& segments) {
    const auto keys = std::make_shared<op::Unsqueeze>(segments, integers({1, 2}));
    const auto queries = std::make_shared<op::Unsqueeze>(segments, integers({1, 3}));
    const auto same = std::make_shared<op::Equal>(queries, keys);
    return std::make_shared<op::Select>(same, scalar(0.0F), scalar(kMasked));
  }

  // [rows, row_tokens, hidden] to [rows, heads, row_tokens, hidden / heads].
  Value split_heads(const Value& input) const {
    const auto heads = static_cast<std::int64_t>(config_.heads);
    const auto head_size = static_cast<std::int64_t>(config_.hidden / config_.heads);
    const auto split =
        std::make_shared<op::Reshape>(input, integers({0, 0, heads, head_size}), true);
    return std::make_shared<op::Transpose>(split, integers({0, 2, 1, 3}));
  }

  Value attention(const Value& state, const Value& mask, const std::string& name) {
    const std::size_t hidden = config_.hidden;
    const Value query = split_heads(linear(state, name + "query", hidden, hidden));
    const Value key = split_heads(linear(state, name + "key", hidden, hidden));
    const Value value = split_heads(linear(state, name + "value", hidden, hidden));
    const auto attended =
        std::make_shared<op::ScaledDotProductAttention>(query, key, value, mask, false);
    const auto joined = std::make_shared<op::Transpose>(attended, integers({0, 2, 1, 3}));
    return std::make_shared<op::Reshape>(joined,
                                         integers({0, 0, static_cast<std::int64_t>(hidden)}), true);
  }

  Value layer(const Value& state, const Value& mask, const std::string& name) {
    const std::size_t hidden = config_.hidden;
    const Value attended = attention(state, mask, name + "attention.self.");
    const Value mixed = linear(attended, name + "attention.output.dense", hidden, hidden);
    const Value middle =
        layer_norm(std::make_shared<op::Add>(mixed, state), name + "attention.output.LayerNorm");
    const Value wide = linear(middle, name + "intermediate.dense", hidden, config_.intermediate);
    const auto active = std::make_shared<op::Gelu>(wide, ov::op::GeluApproximationMode::ERF);
    const Value narrow = linear(active, name + "output.dense", config_.intermediate, hidden);
    return layer_norm(std::make_shared<op::Add>(narrow, middle), name + "output.LayerNorm");
  }

  const std::shared_ptr<const SafetensorsFile> weights_;
  const BertConfig& config_;
  std::string prefix_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::shared_ptr<ov::Model>> build_bert_graph(
    const std::shared_ptr<const SafetensorsFile>& weights, const BertConfig& config) {
  return Builder(weights, config).build();
}

}  // namespace rage::embed::detail
