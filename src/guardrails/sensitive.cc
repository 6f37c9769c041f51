#include "guardrails/sensitive.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "base/strings.h"
#include "text/printable.h"
#include "text/unicode.h"

namespace rage::guardrails {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kNames = {{
    {"email", "<EMAIL>"},
    {"phone", "<PHONE>"},
    {"credit_card", "<CREDIT_CARD>"},
    {"ip_address", "<IP_ADDRESS>"},
}};

constexpr std::size_t kCardDigitsMin = 13;
constexpr std::size_t kCardDigitsMax = 19;
constexpr std::size_t kPhoneDigitsMin = 10;
constexpr std::size_t kPhoneDigitsMax = 15;

// Digits in a row, and what stands between them and those before.
struct Group {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string_view separator = {};
  bool claimed = false;  // By an address or a card.
  bool usable = true;    // Not part of a word.
  std::size_t digits() const { return end - begin; }
};

std::vector<Group> read_groups(std::string_view text, const Finding& run) {
  std::vector<Group> groups;
  std::size_t before = run.begin;
  for (std::size_t at = run.begin; at < run.end;) {
    if (!is_ascii_digit(text[at])) {
      ++at;
      continue;
    }
    Group group{.begin = at, .end = at, .separator = text.substr(before, at - before)};
    while (group.end < run.end && is_ascii_digit(text[group.end])) ++group.end;
    before = at = group.end;
    groups.push_back(group);
  }
  return groups;
}

bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = at - 1;
  while (begin > 0 && (text[begin] & 0xC0) == 0x80) --begin;
  return text::is_word_character(text::next_code_point(text, begin));
}

bool word_after(std::string_view text, std::size_t at) {
  return at < text.size() && text::is_word_character(text::next_code_point(text, at));
}

class NumberRun {
 public:
  NumberRun(std::string_view text, const Finding& run)
      : text_(text), groups_(read_groups(text, run)) {
    if (groups_.empty()) return;
    if (word_before(text, groups_.front().begin)) groups_.front().usable = false;
    if (word_after(text, groups_.back().end)) groups_.back().usable = false;
  }

  void find_addresses(std::vector<Finding>& found) {
    for (std::size_t i = 0; i + 4 <= groups_.size();) {
      bool address = true;
      for (std::size_t k = i; k < i + 4; ++k) {
        address = address && is_octet(groups_[k]) && (k == i || groups_[k].separator == ".");
      }
      i += address ? claim(i, i + 4, Sensitive::kIpAddress, found) : 1;
    }
  }

  // Whole groups only, so that a card is not seen in the middle of a longer number, and separated
  // alike, unless nothing else stands there.
  void find_cards(std::vector<Finding>& found) {
    for (std::size_t i = 0; i < groups_.size();) {
      const std::size_t end = longest_card(i);
      i += end > i ? claim(i, end, Sensitive::kCreditCard, found) : 1;
    }
  }

  void find_phones(std::vector<Finding>& found) {
    for (std::size_t i = 0; i < groups_.size();) {
      std::size_t end = i;
      std::size_t digits = 0;
      while (end < groups_.size() && is_free(end) && (end == i || !begins_with_plus(end))) {
        digits += groups_[end++].digits();
      }
      if (end == i) {
        ++i;
      } else if (digits <= kPhoneDigitsMax) {
        if (is_phone(i, end, digits)) claim(i, end, Sensitive::kPhone, found);
        i = end;
      } else {
        find_several(i, end, found);
        i = end;
      }
    }
  }

 private:
  bool is_free(std::size_t i) const { return groups_[i].usable && !groups_[i].claimed; }
  bool begins_with_plus(std::size_t i) const { return groups_[i].separator.ends_with('+'); }

  bool is_octet(const Group& group) const {
    if (group.claimed || !group.usable || group.digits() > 3) return false;
    const std::string_view digits = text_.substr(group.begin, group.digits());
    return (digits.size() == 1 || digits[0] != '0') && parse_uint(digits).value_or(256) <= 255;
  }

  bool is_phone(std::size_t i, std::size_t end, std::size_t digits) const {
    return digits >= kPhoneDigitsMin && digits <= kPhoneDigitsMax &&
           (end - i > 1 || begins_with_plus(i));
  }

  // Too many digits for one number: the shortest ones, from the left.
  void find_several(std::size_t i, std::size_t end, std::vector<Finding>& found) {
    while (i < end) {
      std::size_t last = i;
      std::size_t digits = 0;
      while (last < end && !is_phone(i, last, digits) && digits <= kPhoneDigitsMax) {
        digits += groups_[last++].digits();
      }
      i += is_phone(i, last, digits) ? claim(i, last, Sensitive::kPhone, found) : 1;
    }
  }

  std::size_t longest_card(std::size_t first) const {
    std::size_t longest = first;
    std::string digits;
    bool mixed = false;
    for (std::size_t i = first; i < groups_.size() && !groups_[i].claimed; ++i) {
      if (i > first && groups_[i].separator != " " && groups_[i].separator != "-") break;
      mixed = mixed || (i > first + 1 && groups_[i].separator != groups_[i - 1].separator);
      if (mixed && first > 0) break;
      digits += text_.substr(groups_[i].begin, groups_[i].digits());
      if (digits.size() > kCardDigitsMax) break;
      const bool alone = !mixed || i + 1 == groups_.size();
      if (alone && digits.size() >= kCardDigitsMin && passes_luhn(digits)) longest = i + 1;
    }
    return longest;
  }

  static bool passes_luhn(std::string_view digits) {
    int sum = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
      const int digit = digits[digits.size() - 1 - i] - '0';
      const int doubled = i % 2 == 1 ? digit * 2 : digit;
      sum += doubled > 9 ? doubled - 9 : doubled;
    }
    return sum % 10 == 0;
  }

  std::size_t claim(std::size_t i, std::size_t end, Sensitive kind, std::vector<Finding>& found) {
    for (std::size_t k = i; k < end; ++k) groups_[k].claimed = true;
    const bool sign =
        kind == Sensitive::kPhone && (begins_with_plus(i) || groups_[i].separator.ends_with('('));
    found.push_back({.begin = groups_[i].begin - (sign ? 1 : 0),
                     .end = groups_[end - 1].end,
                     .kind = static_cast<int>(kind)});
    return end - i;
  }

  std::string_view text_;
  std::vector<Group> groups_;
};

}  // namespace

std::string_view name_of(Sensitive kind) {
  return kNames[static_cast<std::size_t>(kind)].first;
}

std::string_view placeholder_of(Sensitive kind) {
  return kNames[static_cast<std::size_t>(kind)].second;
}

std::vector<Detector> sensitive_detectors(const std::vector<Sensitive>& kinds) {
  std::vector<Detector> detectors;
  const auto wanted = [&](Sensitive kind) { return std::ranges::find(kinds, kind) != kinds.end(); };
  if (wanted(Sensitive::kEmail)) {
    detectors.push_back({.pattern = R"(\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b)",
                         .kind = static_cast<int>(Sensitive::kEmail)});
  }
  const bool phone = wanted(Sensitive::kPhone);
  const bool card = wanted(Sensitive::kCreditCard);
  const bool address = wanted(Sensitive::kIpAddress);
  if (!phone && !card && !address) return detectors;
  // A run of all that numbers are made of, judged as a whole.
  detectors.push_back({.pattern = R"([0-9+(][0-9+(). -]*)",
                       .refine =
                           [=](const Candidate& candidate, std::vector<Finding>& found) {
                             NumberRun run(candidate.text, candidate.match);
                             if (address) run.find_addresses(found);
                             if (card) run.find_cards(found);
                             if (phone) run.find_phones(found);
                           },
                       .lookahead = Lookahead::kOneCharacter});
  return detectors;
}

}  // namespace rage::guardrails
