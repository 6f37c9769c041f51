// What the analyzer needs to know of characters, from ICU, with tables for ASCII.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace rage::text::detail {

enum class WordKind : std::uint8_t {
  kOther,  // Between words.
  kLetter,
  kDigit,
  kIdeographic,  // CJK, kana, Hangul: indexed as pairs.
  kComplex,      // Thai and its neighbours: words without spaces, found by dictionary.
  kExtend,       // Marks, joiners, soft hyphens: part of the word before.
};

WordKind word_kind(char32_t code_point);
// Of the code point at `at`; moves `at` past it.
WordKind read_word_kind(std::string_view text, std::size_t& at);

// Case folded (NFKC_Casefold), without accents, NFC. Any text.
std::string fold_wide(std::string_view text);

// The words of a run of kComplex, without what is no word.
void for_each_dictionary_word(std::string_view run,
                              const std::function<void(std::string_view)>& on_word);

}  // namespace rage::text::detail
