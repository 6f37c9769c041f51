// A BERT-family text encoder on the CPU, through OpenVINO.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

#include "base/error.h"
#include "embed/batcher.h"
#include "embed/bert_config.h"
#include "embed/precision.h"

namespace rage::embed {

struct BertEncoderOptions {
  Precision precision = Precision::kAuto;
  std::size_t threads = 0;  // 0: one a core.
};

// Resource. One thread at a time.
class BertEncoder final {
 public:
  // Maps model.safetensors of the folder and compiles the graph: 0.15 s for six layers. kNotFound
  // without the file, kDataLoss for tensors that are missing or misshapen, kInternal if the runtime
  // refuses.
  static Result<std::unique_ptr<BertEncoder>> load(const std::filesystem::path& folder,
                                                   const BertConfig& config,
                                                   const BertEncoderOptions& options);
  ~BertEncoder();
  BertEncoder(const BertEncoder&) = delete;
  BertEncoder& operator=(const BertEncoder&) = delete;

  // Pools the last hidden state of every text (mean over all its tokens, or its first) and scales
  // it to length 1. Ids must be below config.vocabulary, texts no longer than config.tokens_max,
  // vectors of config.hidden floats. kInternal if the runtime fails or a vector has no direction.
  Result<void> encode(const MicroBatch& batch);

  Precision precision() const;  // kF32 or kBf16: what kAuto came to.

 private:
  struct State;
  explicit BertEncoder(std::unique_ptr<State> state);
  Result<void> warm_up();
  void run(const MicroBatch& batch);  // Throws what the runtime throws.
  Result<void> pool(const MicroBatch& batch) const;

  std::unique_ptr<State> state_;
};

}  // namespace rage::embed
