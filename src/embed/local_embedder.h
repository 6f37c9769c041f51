// A sentence-transformers model of the BERT family in this process.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "embed/batcher.h"
#include "embed/bert_config.h"
#include "embed/embedder.h"
#include "embed/precision.h"
#include "embed/text_encoder.h"
#include "text/tokenizer.h"

namespace rage::embed {

struct LocalEmbedderOptions {
  std::string id = {};  // Empty: the folder's name.
  Precision precision = Precision::kAuto;
  std::size_t threads = 0;               // 0: one a core.
  std::size_t texts_waiting_max = 1024;  // Of each kind; past that calls are refused.
};

// Resource. Thread-safe: a forward pass runs on a thread, or on all of them at once
// (text_encoder.h); calls that arrive meanwhile are merged into the next (batcher.h). A long call
// takes part with some dozens of texts at a time, so many callers advance side by side.
class LocalEmbedder final : public Embedder {
 public:
  static Result<std::unique_ptr<LocalEmbedder>> load(const std::filesystem::path& folder,
                                                     const LocalEmbedderOptions& options);

  Result<EmbeddingMatrix> embed(const Context& context, std::span<const std::string> texts,
                                TextKind kind) override;
  std::string_view id() const override { return id_; }
  std::size_t dimension() const override { return config_.hidden; }
  std::size_t tokens_max() const override { return config_.tokens_max; }
  std::size_t count_tokens(std::string_view text) const override { return tokenizer_->count(text); }
  Precision precision() const { return encoder_->precision(); }

 private:
  LocalEmbedder(std::string id, BertConfig config, std::unique_ptr<text::Tokenizer> tokenizer,
                std::unique_ptr<TextEncoder> encoder, std::size_t texts_waiting_max);
  TokenIds tokenize(const std::string& text, TextKind kind) const;

  const std::string id_;
  const BertConfig config_;
  const std::unique_ptr<text::Tokenizer> tokenizer_;
  const std::unique_ptr<TextEncoder> encoder_;
  Batcher batcher_;
};

}  // namespace rage::embed
