// What turns tokens into vectors: the transformer behind LocalEmbedder.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "embed/batcher.h"
#include "embed/bert_config.h"
#include "embed/precision.h"

namespace rage::embed {

struct TextEncoderOptions {
  Precision precision = Precision::kAuto;
  std::size_t threads = 0;  // 0: one a core.

  std::size_t thread_count() const;
};

// Resource. encode() by passes_max() threads at a time.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  // Pools the last hidden state of every text (mean over all its tokens, or its first) and scales
  // it to length 1. Ids must be below config.vocabulary, texts no longer than config.tokens_max,
  // vectors of config.hidden floats. kInternal if the runtime fails or a vector has no direction.
  virtual Result<void> encode(const MicroBatch& batch) = 0;

  virtual Precision precision() const = 0;  // What kAuto came to.
  virtual std::size_t passes_max() const = 0;
  virtual PackingOptions packing() const = 0;  // What its micro-batches should be like.
};

// Int8Encoder where the CPU and the model's sizes allow it and the precision does not speak against
// it, else BertEncoder. kNotFound without model.safetensors in the folder, kDataLoss for tensors
// that are missing or misshapen, kUnimplemented for a precision that this CPU or model cannot have.
Result<std::unique_ptr<TextEncoder>> load_encoder(const std::filesystem::path& folder,
                                                  const BertConfig& config,
                                                  const TextEncoderOptions& options);

}  // namespace rage::embed
