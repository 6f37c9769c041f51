// About how many tokens of a GPT-like tokenizer a text has, counted as it arrives, without a
// vocabulary: one for a word of up to 8 letters with the space before it and one for each 8 more,
// for up to 3 digits, for up to 4 signs or 16 white-space characters, and for each character of
// scripts without spaces. English prose comes within some per cent of cl100k_base; rare words, code
// and other languages differ more, either way.
#pragma once

#include <cstddef>
#include <string_view>

namespace rage::guardrails {

// Value. One thread.
class TokenCounter final {
 public:
  // Of the next character of the text: true if a new token begins with it.
  bool begins_token(char32_t code_point);
  std::size_t count() const { return count_; }

 private:
  enum class Kind { kNone, kLetter, kDigit, kSign, kSpace, kWide };
  static Kind kind_of(char32_t code_point);

  std::size_t count_ = 0;
  Kind kind_ = Kind::kNone;
  std::size_t length_ = 0;
};

std::size_t count_tokens(std::string_view text);

}  // namespace rage::guardrails
