// Membership in a short list of words.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace rage {

// `words` is a range of texts, or a list in braces.
template <class Words = std::initializer_list<std::string_view>>
bool is_one_of(std::string_view word, const Words& words) {
  return std::ranges::find(words, word) != std::ranges::end(words);
}

}  // namespace rage
