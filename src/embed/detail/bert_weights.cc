#include "embed/detail/bert_weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace rage::embed::detail {
namespace {

constexpr const char* kWords = "embeddings.word_embeddings.weight";

float from_f16(std::uint16_t bits) {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (bits >> 10U) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {  // Zero and what is smaller than 2^-14.
    const float small = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -small : small;
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFFU : exponent + 112;
  return std::bit_cast<float>(sign | (wide << 23U) | (fraction << 13U));
}

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

}  // namespace

BertWeights::BertWeights(std::shared_ptr<const SafetensorsFile> file) : file_(std::move(file)) {
  for (const char* prefix : {"bert.", "roberta."}) {
    if (file_->find(std::string(prefix) + kWords) != nullptr) prefix_ = prefix;
  }
}

Result<const TensorInfo*> BertWeights::find(const std::string& name,
                                            const std::vector<std::uint64_t>& shape) const {
  const TensorInfo* tensor = file_->find(prefix_ + name);
  if (tensor != nullptr && tensor->type != TensorType::kOther && tensor->shape == shape) {
    return tensor;
  }
  const std::string why = tensor == nullptr ? "is missing"
                          : tensor->type == TensorType::kOther
                              ? "has an element type other than F32, F16, BF16"
                              : fmt::format("has shape [{}], config.json says [{}]",
                                            fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
  return fail(ErrorCode::kDataLoss, "model.safetensors: tensor '{}{}' {}", prefix_, name, why);
}

Result<std::vector<float>> BertWeights::read(const std::string& name,
                                             const std::vector<std::uint64_t>& shape) const {
  ASSIGN_OR_RETURN(const TensorInfo* tensor, find(name, shape));
  std::size_t count = 1;
  for (const std::uint64_t size : shape) count *= size;
  std::vector<float> values(count);
  to_floats(tensor->type, file_->bytes_of(*tensor), values);
  return values;
}

void to_floats(TensorType type, std::span<const std::byte> bytes, std::span<float> values) {
  if (type == TensorType::kF32) {
    CHECK(bytes.size() == values.size_bytes());
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return;
  }
  CHECK(type != TensorType::kOther && bytes.size() == values.size() * 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    values[i] = type == TensorType::kF16 ? from_f16(bits) : from_bf16(bits);
  }
}

}  // namespace rage::embed::detail
