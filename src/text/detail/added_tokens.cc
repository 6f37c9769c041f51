#include "text/detail/added_tokens.h"

#include <algorithm>
#include <utility>

#include "text/unicode.h"

namespace rage::text::detail {
namespace {

// Past the white space that begins at `at`.
std::size_t skip_white_space(std::string_view text, std::size_t at) {
  for (std::size_t next = at; next < text.size(); at = next) {
    if (!is_white_space(next_code_point(text, next))) break;
  }
  return at;
}

}  // namespace

std::size_t white_space_begin(std::string_view text, std::size_t from) {
  std::size_t begin = text.size();
  while (begin > from) {
    std::size_t at = begin - 1;
    while (at > from && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) --at;
    std::size_t end = at;
    if (!is_white_space(next_code_point(text, end)) || end != begin) break;
    begin = at;
  }
  return begin;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::ranges::sort(tokens_, [](const AddedToken& a, const AddedToken& b) {
    return a.text.size() > b.text.size();
  });
  for (const AddedToken& token : tokens_) {
    begins_[static_cast<unsigned char>(token.text[0])] = true;
    begin_alike_ = begin_alike_ && token.text[0] == tokens_[0].text[0];
  }
}

std::size_t AddedTokens::next_begin(std::string_view text, std::size_t from) const {
  if (begin_alike_) return std::min(text.find(tokens_[0].text[0], from), text.size());
  while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

std::optional<AddedTokens::Match> AddedTokens::find(std::string_view text, std::size_t from) const {
  if (tokens_.empty()) return std::nullopt;
  for (std::size_t at = next_begin(text, from); at < text.size(); at = next_begin(text, at + 1)) {
    const std::string_view rest = text.substr(at);
    for (const AddedToken& token : tokens_) {
      if (!rest.starts_with(token.text)) continue;
      const std::size_t end = at + token.text.size();
      return Match{.begin = token.strip_left ? white_space_begin(text.substr(0, at), from) : at,
                   .end = token.strip_right ? skip_white_space(text, end) : end,
                   .id = token.id};
    }
  }
  return std::nullopt;
}

}  // namespace rage::text::detail
