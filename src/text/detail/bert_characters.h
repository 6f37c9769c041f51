// What BERT's normalizer makes of one code point, with the Unicode versions that the crates behind
// Hugging Face `tokenizers` have: categories of Unicode 8 (unicode_categories), decompositions and
// lower case of a recent Unicode.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace rage::text::detail {

enum class BertKind : std::uint8_t {
  kWord,      // Part of a word, as `bytes`.
  kRemoved,   // As if it were not there.
  kSpace,     // Ends a word.
  kIsolated,  // A word of its own: punctuation, CJK ideographs.
  kComposed,  // Several kinds at once, or combining marks that move: ask normalize().
};

struct BertOptions {
  bool lower_case = true;
  bool strip_accents = true;
  bool split_cjk = true;
};

// One code point after normalisation, in order.
struct BertPart {
  char32_t code_point = 0;
  std::uint8_t combining_class = 0;
  bool is_punctuation = false;
  bool is_dropped = false;  // A stripped accent: gone, but those with class 0 end a run of marks.
};

struct BertCharacter {
  BertKind kind = BertKind::kRemoved;
  std::uint8_t characters = 0;
  std::string_view bytes;  // UTF-8, normalised.
};

// Value, immutable. Thread-safe.
class BertCharacters final {
 public:
  explicit BertCharacters(const BertOptions& options);

  // `scratch` holds the bytes of the reply where no table does; at least 16 bytes.
  BertCharacter look_up(char32_t code_point, std::array<char, 16>& scratch) const;

  // The parts of a code point that is neither removed nor white space; at most kPartsMax.
  static constexpr std::size_t kPartsMax = 8;
  using Parts = std::array<BertPart, kPartsMax>;
  std::size_t normalize(char32_t code_point, Parts& parts) const;

 private:
  struct Entry {
    std::uint32_t offset = 0;
    std::uint8_t size = 0;
    std::uint8_t characters = 0;
    BertKind kind = BertKind::kRemoved;
  };

  BertKind kind_of(char32_t code_point) const;
  BertCharacter compute(char32_t code_point, std::array<char, 16>& scratch) const;

  BertOptions options_;
  std::vector<Entry> entries_;  // Of the code points below the ideographs.
  std::string bytes_;
};

}  // namespace rage::text::detail
