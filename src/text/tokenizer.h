// Text to the token ids of an encoder, whatever its tokenizer is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::text {

// Resource. Thread-safe once created.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids between the model's first and last token ([CLS] and [SEP], <s> and </s>), cut to tokens_max
  // in all (at least 2). Linear time; stops reading once full. Invalid UTF-8 is read as U+FFFD.
  virtual std::vector<std::int32_t> encode(std::string_view text, std::size_t tokens_max) const = 0;
  // Without the first and the last.
  virtual std::size_t count(std::string_view text) const = 0;
  // Every id is below it.
  virtual std::size_t vocabulary_size() const = 0;
};

// Reads the tokenizer of a model folder: tokenizer.json (WordPiece or Unigram) if it is there, else
// vocab.txt (WordPiece), else the sentencepiece file of an XLM-RoBERTa (sentencepiece.bpe.model,
// sentencepiece.model or spiece.model). kNotFound without any, kDataLoss if damaged, kUnimplemented
// with the name of what we would not read token for token as Hugging Face `tokenizers` does.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder);

}  // namespace rage::text
