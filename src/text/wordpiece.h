// BERT's tokenizer, token-exact with Hugging Face `tokenizers` (BertNormalizer, BertPreTokenizer,
// WordPiece; Devlin et al. 2018): clean text, split CJK, lower case, strip accents (NFD), split on
// punctuation, longest match first with "##".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

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

// Resource. Thread-safe once created. load_tokenizer() reads one from a model folder.
class WordPieceTokenizer : public Tokenizer {
 public:
  // Ids are positions in `vocabulary`; empty entries are gaps. kInvalidArgument without the three
  // tokens that the options name.
  static Result<std::unique_ptr<WordPieceTokenizer>> create(std::vector<std::string> vocabulary,
                                                            const WordPieceOptions& options);
};

}  // namespace rage::text
