#include "guardrails/text_tokens.h"

#include "base/strings.h"
#include "text/printable.h"
#include "text/unicode.h"

namespace rage::guardrails {

TokenCounter::Kind TokenCounter::kind_of(char32_t code_point) {
  constexpr char32_t kFirstWide =
      0x0E00;  // From Thai on scripts are mostly written without spaces.
  if (code_point < 0x80 && is_ascii_digit(static_cast<char>(code_point))) return Kind::kDigit;
  if (text::is_white_space(code_point)) return Kind::kSpace;
  if (!text::is_word_character(code_point)) return Kind::kSign;
  return code_point < kFirstWide ? Kind::kLetter : Kind::kWide;
}

bool TokenCounter::begins_token(char32_t code_point) {
  constexpr std::size_t kLongest[] = {0, 8, 3, 4, 16, 1};
  const Kind kind = kind_of(code_point);
  const bool joins_space =
      kind_ == Kind::kSpace && length_ == 1 && (kind == Kind::kLetter || kind == Kind::kSign);
  const bool goes_on = kind == kind_ && length_ < kLongest[static_cast<std::size_t>(kind)];
  length_ = goes_on ? length_ + 1 : 1;
  kind_ = kind;
  if (joins_space || goes_on) return false;
  ++count_;
  return true;
}

std::size_t count_tokens(std::string_view text) {
  TokenCounter counter;
  for (std::size_t at = 0; at < text.size();) {
    (void)counter.begins_token(text::next_code_point(text, at));
  }
  return counter.count();
}

}  // namespace rage::guardrails
