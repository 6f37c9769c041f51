#include "rag/grounding_tokens.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/analyzer.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kWordBytesMax = 64;  // Longer "words" are noise; they are cut.

enum class CharClass { kOther, kWord, kIdeograph, kApostrophe };

CharClass class_of(char32_t c) {
  if (c < 0x80) {
    const char byte = static_cast<char>(c);
    if (is_ascii_alpha(byte) || is_ascii_digit(byte)) return CharClass::kWord;
    return c == U'\'' || c == U'`' ? CharClass::kApostrophe : CharClass::kOther;
  }
  if (c == 0x2019 || c == 0x02BC) return CharClass::kApostrophe;
  if (c < 0xC0 || c == 0xD7 || c == 0xF7) {
    return c == 0xAA || c == 0xB5 || c == 0xBA ? CharClass::kWord : CharClass::kOther;
  }
  if ((c >= 0x2000 && c <= 0x2BFF) || (c >= 0x2E00 && c <= 0x303F)) return CharClass::kOther;
  if ((c >= 0xFE30 && c <= 0xFE4F) || (c >= 0xFF00 && c <= 0xFF0F) || c == text::kReplacement ||
      c == 0xFEFF || c >= 0x1F000) {
    return c >= 0x20000 && c <= 0x3FFFF ? CharClass::kIdeograph : CharClass::kOther;
  }
  if ((c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
      (c >= 0xF900 && c <= 0xFAFF)) {
    return CharClass::kIdeograph;
  }
  return CharClass::kWord;
}

bool is_upper(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z';
  if (c >= 0xC0 && c <= 0xDE) return c != 0xD7;
  if (c >= 0x100 && c <= 0x137) return c % 2 == 0;
  if (c >= 0x139 && c <= 0x148) return c % 2 == 1;
  if (c >= 0x14A && c <= 0x177) return c % 2 == 0;
  return (c >= 0x391 && c <= 0x3A9) || (c >= 0x400 && c <= 0x42F);
}

// "shopify's" and "shopifys'" lose their ending; other apostrophes just go.
std::string without_apostrophes(std::string word) {
  if (word.size() > 2 && word.ends_with("'s")) word.resize(word.size() - 2);
  std::erase(word, '\'');
  return word;
}

void finish(std::string_view text, Token& token, std::vector<Token>& tokens) {
  std::string raw(text.substr(token.begin, std::min(token.end - token.begin, kWordBytesMax)));
  for (std::size_t at = 0; (at = raw.find("\xE2\x80\x99", at)) != std::string::npos;)
    raw.replace(at, 3, "'");
  std::replace(raw.begin(), raw.end(), '`', '\'');
  bool digit = false;
  bool inner_upper = false;
  std::size_t at = 0;
  while (at < raw.size()) {
    const bool first = at == 0;
    const char32_t c = text::next_code_point(raw, at);
    digit = digit || (c >= U'0' && c <= U'9');
    if (first) token.capital = is_upper(c);
    inner_upper = inner_upper || (!first && is_upper(c));
  }
  token.mixed = digit || inner_upper;
  token.folded = without_apostrophes(fold_word(raw));
  if (token.folded.empty()) return;
  token.stem = text::stem(token.folded);
  if (token.stem.empty()) token.stem = token.folded;
  tokens.push_back(std::move(token));
}

// "C++" and "C#" are words with their signs.
std::size_t end_with_signs(std::string_view text, std::size_t begin, std::size_t end) {
  if (end - begin != 1) return end;
  if (text.substr(end, 2) == "++") return end + 2;
  return text.substr(end, 1) == "#" ? end + 1 : end;
}

bool ends_sentence(char32_t c) {
  return c == U'.' || c == U'!' || c == U'?' || c == U':' || c == U'\n';
}

}  // namespace

std::string fold_word(std::string_view word) {
  const bool ascii =
      std::ranges::all_of(word, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  return ascii ? to_lower_ascii(word) : text::fold(word);
}

std::vector<Token> tokenize(std::string_view text) {
  std::vector<Token> tokens;
  bool in_word = false;
  bool start = true;
  Token token;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t here = at;
    const char32_t c = text::next_code_point(text, at);
    CharClass kind = class_of(c);
    if (kind == CharClass::kApostrophe) {
      std::size_t ahead = at;
      const bool letter_follows =
          ahead < text.size() && class_of(text::next_code_point(text, ahead)) == CharClass::kWord;
      kind = in_word && letter_follows ? CharClass::kWord : CharClass::kOther;
    }
    if (in_word && kind != CharClass::kWord) {
      token.end = end_with_signs(text, token.begin, here);
      finish(text, token, tokens);
      in_word = false;
      start = false;
    }
    if (kind == CharClass::kWord && !in_word) {
      token = Token{.begin = here, .end = here, .folded = {}, .stem = {}, .sentence_start = start};
      in_word = true;
    }
    if (kind == CharClass::kIdeograph) {
      token = Token{.begin = here, .end = at, .folded = {}, .stem = {}, .sentence_start = start};
      finish(text, token, tokens);
      start = false;
    }
    if (kind == CharClass::kOther) start = start || ends_sentence(c);
  }
  if (in_word) {
    token.end = text.size();
    finish(text, token, tokens);
  }
  return tokens;
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t edits_max) {
  const std::size_t longer = std::max(a.size(), b.size());
  const std::size_t shorter = std::min(a.size(), b.size());
  if (longer - shorter > edits_max || longer > kWordBytesMax) return edits_max + 1;
  std::array<std::array<std::size_t, kWordBytesMax + 1>, 3> rows{};
  for (std::size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i + 2) % 3];
    const auto& above2 = rows[(i + 1) % 3];
    row[0] = i;
    std::size_t least = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], above2[j - 2] + 1);
      }
      least = std::min(least, row[j]);
    }
    if (least > edits_max) return edits_max + 1;
  }
  return std::min(rows[a.size() % 3][b.size()], edits_max + 1);
}

bool is_transposition(std::string_view a, std::string_view b) {
  if (a.size() != b.size() || a == b) return false;
  std::size_t i = 0;
  while (a[i] == b[i]) ++i;
  if (i + 1 >= a.size() || a[i] != b[i + 1] || a[i + 1] != b[i]) return false;
  return a.substr(i + 2) == b.substr(i + 2);
}

}  // namespace rage::rag
