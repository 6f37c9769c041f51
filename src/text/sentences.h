// Where sentences begin and end, and how a long text is cut into chunks for an embedder.
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace rage::text {

// Bytes [begin, end) of the text it came from; never cuts a UTF-8 sequence.
struct TextSpan {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
  bool operator==(const TextSpan&) const = default;
};

// Sentences in order, trimmed of white space; what lies between is white space only. Knows
// abbreviations ("Dr.", "a.m.", "e.g."), initials, decimals, versions, URLs, ellipses and list
// items.
std::vector<TextSpan> split_sentences(std::string_view text);

struct ChunkOptions {
  std::size_t tokens_max = 240;
  std::size_t tokens_overlap = 40;  // Whole sentences repeated from the chunk before.
};

using TokenCounter = std::function<std::size_t(std::string_view)>;

// Chunks in order, each at most tokens_max tokens where a cut exists: at blank lines first, then
// sentences, then phrases, then words, then code points. A text that fits is one chunk.
// White-space-only chunks vanish, so an empty text has none. Linear in the text's length.
std::vector<TextSpan> split_into_chunks(std::string_view text, const ChunkOptions& options,
                                        const TokenCounter& count_tokens);

}  // namespace rage::text
