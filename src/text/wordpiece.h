// BERT's tokenizer, token-exact with Hugging Face `tokenizers` (BertNormalizer, BertPreTokenizer,
// WordPiece; Devlin et al. 2018): clean text, split CJK, lower case, strip accents (NFD), split on
// punctuation, longest match first with "##".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::text {

struct WordPieceOptions {
  bool lower_case = true;
  bool strip_accents = true;
  bool split_cjk = true;
  std::size_t word_characters_max = 100;  // Longer words are [UNK].
  std::string unknown_token = "[UNK]";
  std::string first_token = "[CLS]";
  std::string last_token = "[SEP]";
  // Recognised in the text itself, as written, where the vocabulary has them (as `tokenizers`
  // does).
  std::vector<std::string> special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
};

// Resource. Thread-safe once created.
class WordPieceTokenizer {
 public:
  // Reads vocab.txt, or tokenizer.json if present (its normalizer settings win), from a model
  // folder. kNotFound without either, kDataLoss if damaged, kUnimplemented if not BERT's kind of
  // WordPiece.
  static Result<std::unique_ptr<WordPieceTokenizer>> load(const std::filesystem::path& folder);
  // Ids are positions in `vocabulary`; empty entries are gaps. kInvalidArgument without the three
  // tokens that the options name.
  static Result<std::unique_ptr<WordPieceTokenizer>> create(std::vector<std::string> vocabulary,
                                                            const WordPieceOptions& options);
  virtual ~WordPieceTokenizer() = default;

  // Ids with [CLS] first and [SEP] last, cut to tokens_max in all (at least 2). Linear time; stops
  // reading once full. Invalid UTF-8 is read as U+FFFD.
  virtual std::vector<std::int32_t> encode(std::string_view text, std::size_t tokens_max) const = 0;
  // Without special tokens.
  virtual std::size_t count(std::string_view text) const = 0;
  virtual std::size_t vocabulary_size() const = 0;
};

}  // namespace rage::text
