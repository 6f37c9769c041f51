// A BERT-family text encoder on the CPU, through OpenVINO.
#pragma once

#include <filesystem>
#include <memory>

#include "base/error.h"
#include "embed/bert_config.h"
#include "embed/text_encoder.h"

namespace rage::embed {

// Resource. One thread at a time; the runtime shares each operation out to `threads`.
class BertEncoder final : public TextEncoder {
 public:
  // Maps model.safetensors of the folder and compiles the graph: 0.15 s for six layers. kNotFound
  // without the file, kDataLoss for tensors that are missing or misshapen, kInternal if the runtime
  // refuses.
  static Result<std::unique_ptr<BertEncoder>> load(const std::filesystem::path& folder,
                                                   const BertConfig& config,
                                                   const TextEncoderOptions& options);
  ~BertEncoder() override;
  BertEncoder(const BertEncoder&) = delete;
  BertEncoder& operator=(const BertEncoder&) = delete;

  Result<void> encode(const MicroBatch& batch) override;
  Precision precision() const override;  // kF32 or kBf16.
  std::size_t passes_max() const override { return 1; }
  PackingOptions packing() const override { return {.padded = true, .batch_tokens_max = 512}; }

 private:
  struct State;
  explicit BertEncoder(std::unique_ptr<State> state);
  Result<void> warm_up();
  void run(const MicroBatch& batch);  // Throws what the runtime throws.
  Result<void> pool(const MicroBatch& batch) const;

  std::unique_ptr<State> state_;
};

}  // namespace rage::embed
