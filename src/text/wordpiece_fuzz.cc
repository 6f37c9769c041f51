#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "text/unicode.h"
#include "text/wordpiece.h"

namespace {

const rage::text::WordPieceTokenizer& tokenizer() {
  static const auto made = rage::text::WordPieceTokenizer::create(
      {"[PAD]",   "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a",        "##a",
       "ab",      "##b",   "abc",   "##bc",  "e",      "é",        "東",
       "1",       "##1",   ".",     ",",     "\u1100", "##\u1161", "##\U0001D165",
       "##\u302E"},
      {.word_characters_max = 12});
  CHECK(made.has_value());
  return **made;
}

}  // namespace

// Counting, encoding and cutting agree; invalid bytes are read as U+FFFD; pieces at spaces add up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto ids = tokenizer().encode(text, 1U << 30);
  CHECK(ids.size() == tokenizer().count(text) + 2);
  CHECK(ids.front() == 2 && ids.back() == 3);
  for (const auto id : ids) CHECK(id >= 0 && id < 22);
  CHECK(ids == tokenizer().encode(rage::text::to_valid_utf8(text), 1U << 30));
  const std::size_t most = 2 + size % 9;
  const auto cut = tokenizer().encode(text, most);
  CHECK(cut.size() == std::min(most, ids.size()));
  CHECK(std::equal(cut.begin(), cut.end() - 1, ids.begin()));
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    CHECK(tokenizer().count(text.substr(0, space)) + tokenizer().count(text.substr(space)) ==
          ids.size() - 2);
  }
  return 0;
}
