// The Unigram tokenizer of sentencepiece (Kudo 2018, "Subword Regularization"; Kudo and Richardson
// 2018), token-exact with Hugging Face `tokenizers`: characters replaced by a precompiled map,
// words begun by "▁", and of all ways to cut a word into pieces the most likely one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

namespace rage::text {

// What a piece has in place of a space (sentencepiece's "▁").
inline constexpr std::string_view kWordBegin = "\u2581";

struct UnigramPiece {
  std::string text = {};
  double score = 0;  // Logarithm of its probability.
};

// Recognised in the text itself, as written.
struct AddedToken {
  std::string text = {};
  std::int32_t id = 0;
  bool strip_left = false;  // White space before it belongs to it.
  bool strip_right = false;
  bool normalized = false;  // Sought in the normalised text.
};

// Value. What a model folder says about its tokenizer, in the order in which it is applied.
struct UnigramModel {
  std::vector<AddedToken> added = {};
  std::string character_map = {};  // sentencepiece's precompiled_charsmap; empty: none.
  bool strip_left = false;         // White space at the ends of what stands between added tokens.
  bool strip_right = false;
  std::string spaces_become = {};  // What two and more spaces become; empty: they stay.
  bool split_at_white_space = false;
  std::vector<UnigramPiece> pieces = {};  // Ids are positions.
  std::int32_t unknown = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

// kDataLoss for a model that contradicts itself, kResourceExhausted for one that is too large.
Result<std::unique_ptr<Tokenizer>> create_unigram_tokenizer(UnigramModel model);

// Reads sentencepiece's ModelProto (protobuf) with the ids that XLM-RoBERTa gives to its pieces:
// <s>, <pad>, </s>, <unk>, the file's pieces from its fourth on, <mask>. kDataLoss if damaged,
// kUnimplemented for BPE, byte fallback and the like.
Result<UnigramModel> parse_xlm_roberta_pieces(std::string_view bytes);

}  // namespace rage::text
