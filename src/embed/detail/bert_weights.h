// The tensors of a BERT-family model in a safetensors file, by the names that BertModel gives them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "embed/safetensors.h"

namespace rage::embed::detail {

// Value; keeps the file mapped. Thread-safe.
class BertWeights {
 public:
  explicit BertWeights(std::shared_ptr<const SafetensorsFile> file);

  // A tensor of kF32, kF16 or kBf16. kDataLoss if it is missing, of another type, or has another
  // shape than the configuration says.
  Result<const TensorInfo*> find(const std::string& name,
                                 const std::vector<std::uint64_t>& shape) const;
  // The same, as floats.
  Result<std::vector<float>> read(const std::string& name,
                                  const std::vector<std::uint64_t>& shape) const;

  const std::shared_ptr<const SafetensorsFile>& file() const { return file_; }

 private:
  std::shared_ptr<const SafetensorsFile> file_;
  std::string prefix_;  // Files of a bare model have none, those of a model with a head do.
};

// values = the floats that `bytes` hold; exactly as many as there are values.
void to_floats(TensorType type, std::span<const std::byte> bytes, std::span<float> values);

}  // namespace rage::embed::detail
