// Words of a text as grounding compares them: folded, stemmed, with where they stand and how they
// were written. Simpler and looser than the analyzer of the index: nothing is dropped.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace rage::rag {

// Value. Bytes [begin, end) of the text.
struct Token {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string folded;  // Case, accents, apostrophes and a possessive 's removed.
  std::string stem;
  bool capital = false;  // Begins with an upper-case letter.
  bool mixed = false;    // Has a digit, or an upper-case letter after the first: "23x", "eBPF".
  bool sentence_start = false;  // First word of the text or after . ! ? : or a line break.
};

// Linear. Hyphens, dots and slashes separate words; ideographs and kana are words of their own.
std::vector<Token> tokenize(std::string_view text);

// "opentelemetry" out of "OpenTelemetry": fold() with a fast path for ASCII.
std::string fold_word(std::string_view word);

// Edits between two words, a swap of neighbours counting one (optimal string alignment, Damerau
// 1964); stops at `edits_max` + 1. Bytes, not code points.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t edits_max);

// True if they differ by swapping two neighbours and nothing else.
bool is_transposition(std::string_view a, std::string_view b);

}  // namespace rage::rag
