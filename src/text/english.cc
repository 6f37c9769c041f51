#include "text/english.h"

#include <algorithm>
#include <string>

#include "text/analyzer.h"
#include "text/detail/english_words.h"

namespace rage::text {
namespace {

constexpr std::size_t kPartMin = 3;    // Letters of each word of a compound.
constexpr std::size_t kFormsMax = 64;  // Words looked at for one stem.

std::string_view word_at(std::size_t begin) {
  const std::string_view words = english_words();
  return words.substr(begin, words.find('\n', begin) - begin);
}

// Where the first word that is not less begins.
std::size_t not_less(std::string_view word) {
  const std::string_view words = english_words();
  std::size_t low = 0;
  std::size_t high = words.size();
  while (low < high) {
    std::size_t begin = low + (high - low) / 2;
    while (begin > low && words[begin - 1] != '\n') --begin;
    const std::string_view here = word_at(begin);
    if (here < word) {
      low = begin + here.size() + 1;
    } else {
      high = begin;
    }
  }
  return low;
}

bool is_listed(std::string_view word) {
  const std::size_t at = not_less(word);
  return at < english_words().size() && word_at(at) == word;
}

bool has_listed_form(std::string_view word) {
  const std::string wanted = stem(word);
  std::size_t at = not_less(wanted);
  for (std::size_t looked = 0; looked < kFormsMax && at < english_words().size(); ++looked) {
    const std::string_view here = word_at(at);
    if (!here.starts_with(wanted)) return false;
    if (stem(here) == wanted) return true;
    at += here.size() + 1;
  }
  return false;
}

bool is_derived(std::string_view word) {
  static constexpr std::string_view kPrefixes[] = {"auto", "de",  "inter", "micro", "multi",
                                                   "non",  "pre", "re",    "sub",   "un"};
  return std::ranges::any_of(kPrefixes, [&](std::string_view prefix) {
    return word.starts_with(prefix) && word.size() > prefix.size() + kPartMin &&
           is_listed(word.substr(prefix.size()));
  });
}

bool is_compound(std::string_view word) {
  for (std::size_t cut = kPartMin; cut + kPartMin <= word.size(); ++cut) {
    if (is_listed(word.substr(0, cut)) && is_listed(word.substr(cut))) return true;
  }
  return false;
}

}  // namespace

bool is_english_word(std::string_view folded_word) {
  if (folded_word.empty() || folded_word.size() > 64) return false;
  return is_listed(folded_word) || has_listed_form(folded_word) || is_derived(folded_word) ||
         is_compound(folded_word);
}

}  // namespace rage::text
