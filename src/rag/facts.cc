#include "rag/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::rag {
namespace {

// Reads facts at a token, the longest reading first. Every read_ returns the tokens it took, 0 if
// none.
class FactScanner {
 public:
  FactScanner(std::string_view text, const std::vector<Token>& tokens)
      : text_(text), tokens_(tokens) {}

  std::vector<Fact> scan() {
    std::size_t i = 0;
    while (i < tokens_.size()) {
      std::size_t taken = read_url(i);
      if (taken == 0) taken = read_email(i);
      if (taken == 0) taken = read_date(i);
      if (taken == 0) taken = read_time(i);
      if (taken == 0) taken = read_spoken_time(i);
      if (taken == 0) taken = read_weekday(i);
      if (taken == 0) taken = read_quantity(i);
      i += std::max<std::size_t>(taken, 1);
    }
    return std::move(facts_);
  }

 private:
  bool has(std::size_t i) const { return i < tokens_.size(); }
  const std::string& word(std::size_t i) const { return tokens_[i].folded; }
  // What stands between token i and the next.
  std::string_view gap(std::size_t i) const {
    if (i + 1 >= tokens_.size()) return text_.substr(tokens_[i].end);
    return text_.substr(tokens_[i].end, tokens_[i + 1].begin - tokens_[i].end);
  }
  std::string_view before(std::size_t i) const {
    const std::size_t from = i == 0 ? 0 : tokens_[i - 1].end;
    return text_.substr(from, tokens_[i].begin - from);
  }
  std::optional<int> digits(std::size_t i, std::size_t length_max = 4) const {
    if (!has(i) || word(i).size() > length_max) return std::nullopt;
    const auto value = parse_uint(word(i));
    return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
  }

  std::size_t add(FactKind kind, std::string normal, std::size_t first, std::size_t count,
                  std::size_t end = 0) {
    facts_.push_back(Fact{.kind = kind,
                          .normal = std::move(normal),
                          .begin = tokens_[first].begin,
                          .end = end != 0 ? end : tokens_[first + count - 1].end,
                          .token_begin = first,
                          .token_end = first + count});
    return count;
  }

  std::size_t tokens_until(std::size_t first, std::size_t end) const {
    std::size_t count = 0;
    while (has(first + count) && tokens_[first + count].begin < end) ++count;
    return std::max<std::size_t>(count, 1);
  }

  std::size_t read_url(std::size_t i) {
    const bool scheme = (word(i) == "http" || word(i) == "https") && gap(i).starts_with("://");
    const bool www = word(i) == "www" && gap(i) == ".";
    if (!scheme && !www) return 0;
    std::size_t end = text_.find_first_of(" \t\r\n<>\"'`)]}|", tokens_[i].begin);
    if (end == std::string_view::npos) end = text_.size();
    while (end > tokens_[i].end &&
           std::string_view(".,;:!?*").find(text_[end - 1]) != std::string_view::npos) {
      --end;
    }
    std::string url = to_lower_ascii(text_.substr(tokens_[i].begin, end - tokens_[i].begin));
    if (url.ends_with('/')) url.pop_back();
    return add(FactKind::kUrl, std::move(url), i, tokens_until(i, end), end);
  }

  std::size_t read_email(std::size_t i) {
    if (!has(i + 1)) return 0;
    std::size_t at = i;
    while (has(at + 1) && at < i + 4 &&
           (gap(at) == "." || gap(at) == "-" || gap(at) == "_" || gap(at) == "+")) {
      ++at;
    }
    if (gap(at) != "@" || !has(at + 1)) return 0;
    std::size_t last = at + 1;
    while (has(last + 1) && (gap(last) == "." || gap(last) == "-")) ++last;
    if (last == at + 1) return 0;  // "user@host" without a dot is a mention.
    const std::size_t end = tokens_[last].end;
    return add(FactKind::kEmail,
               to_lower_ascii(text_.substr(tokens_[i].begin, end - tokens_[i].begin)), i,
               last - i + 1);
  }

  static int month_of(std::string_view folded) {
    for (int month = 1; month <= 12; ++month) {
      const std::string name = to_lower_ascii(month_name(month));
      if (folded == name || (folded.size() >= 3 && folded.size() <= 4 && name.starts_with(folded)))
        return month;
    }
    return 0;
  }

  // "5", "5th" as a day of the month.
  std::optional<int> day_of_month(std::size_t i) const {
    if (!has(i)) return std::nullopt;
    std::string text = word(i);
    for (const std::string_view suffix : {"st", "nd", "rd", "th"}) {
      if (text.size() > 2 && text.ends_with(suffix)) text.resize(text.size() - 2);
    }
    const auto day = parse_uint(text);
    if (!day || *day < 1 || *day > 31 || text.size() > 2) return std::nullopt;
    return static_cast<int>(*day);
  }

  std::size_t add_date(int year, int month, int day, std::size_t first, std::size_t count) {
    const auto date = date_of_normal(date_normal({year, month, day}));
    return date ? add(FactKind::kDate, date_normal(*date), first, count) : 0;
  }

  // A year after "March 5" or "5 March", at token i.
  int year_after(std::size_t i) const {
    const auto year = digits(i);
    const std::string_view between = i == 0 ? std::string_view{} : before(i);
    return year && *year >= 1900 && *year <= 2099 && between.size() <= 2 ? *year : 0;
  }

  std::size_t read_numeric_date(std::size_t i) {
    const auto a = digits(i);
    const auto b = digits(i + 1, 2);
    if (!a || !b) return 0;
    // The day of an ISO date-time carries its "T10": the word is "05t10".
    if (word(i).size() == 4 && gap(i) == "-" && has(i + 2) && gap(i + 1) == "-") {
      const std::string& rest = word(i + 2);
      const auto day = parse_uint(std::string_view(rest).substr(0, 2));
      if (!day || (rest.size() != 2 && !(rest.size() == 5 && rest[2] == 't'))) return 0;
      if (rest.size() == 2) return add_date(*a, *b, static_cast<int>(*day), i, 3);
      const auto hour = parse_uint(std::string_view(rest).substr(3));
      const auto minute = digits(i + 3, 2);
      if (add_date(*a, *b, static_cast<int>(*day), i, 3) == 0) return 0;
      if (hour && minute && *hour < 24 && *minute < 60) {
        std::size_t count = 2;
        if (has(i + 4) && gap(i + 3) == ":" && (digits(i + 4, 2) || word(i + 4).size() <= 3))
          ++count;
        add(FactKind::kTime, fmt::format("{:02}:{:02}", *hour, *minute), i + 2, count);
        if (has(i + 2 + count + 1) && gap(i + 1 + count).size() == 1 && gap(i + 2 + count) == ":")
          count += 2;
        return 2 + count;
      }
      return 3;
    }
    const auto c = digits(i + 2);
    if (c && gap(i) == "/" && gap(i + 1) == "/" && word(i + 2).size() == 4 && word(i).size() <= 2) {
      return *a > 12 ? add_date(*c, *b, *a, i, 3) : add_date(*c, *a, *b, i, 3);
    }
    return 0;
  }

  std::size_t read_date(std::size_t i) {
    if (const std::size_t taken = read_numeric_date(i); taken != 0) return taken;
    if (const int month = month_of(word(i)); month != 0) {
      std::size_t at = i + 1;
      if (has(at) && word(at) == "the") ++at;
      const auto day = day_of_month(at);
      if (!day || before(at).size() > 2) return 0;
      const int year = has(at + 1) ? year_after(at + 1) : 0;
      return add_date(year, month, *day, i, at - i + (year != 0 ? 2 : 1));
    }
    if (const auto day = day_of_month(i); day && has(i + 1)) {
      const std::size_t at = word(i + 1) == "of" ? i + 2 : i + 1;
      if (!has(at) || month_of(word(at)) == 0 || gap(i).size() > 2) return 0;
      const int year = has(at + 1) ? year_after(at + 1) : 0;
      return add_date(year, month_of(word(at)), *day, i, at - i + (year != 0 ? 2 : 1));
    }
    return 0;
  }

  // 1 for "am", 2 for "pm" at token i ("p.m." is two words), with the words taken.
  std::pair<int, std::size_t> meridiem(std::size_t i) const {
    if (!has(i)) return {0, 0};
    if (word(i) == "am" || word(i) == "pm") return {word(i) == "am" ? 1 : 2, 1};
    if ((word(i) == "a" || word(i) == "p") && gap(i) == "." && has(i + 1) && word(i + 1) == "m") {
      return {word(i) == "a" ? 1 : 2, 2};
    }
    return {0, 0};
  }

  static std::optional<int> minutes_of(int hour, int minute, int half) {
    if (minute > 59 || hour > 23 || (half != 0 && (hour < 1 || hour > 12))) return std::nullopt;
    if (half == 1 && hour == 12) hour = 0;
    if (half == 2 && hour != 12) hour += 12;
    return hour * 60 + minute;
  }

  std::size_t add_time(std::optional<int> minutes, std::size_t first, std::size_t count) {
    return minutes ? add(FactKind::kTime, render_time(*minutes), first, count) : 0;
  }

  std::size_t read_time(std::size_t i) {
    const std::string& text = word(i);
    if (!is_ascii_digit(text.front())) return 0;
    // "2pm", "14h30", "11h"
    const std::size_t letters = text.find_first_not_of("0123456789");
    if (letters != std::string::npos && letters <= 2) {
      const int hour = static_cast<int>(*parse_uint(std::string_view(text).substr(0, letters)));
      const std::string_view rest = std::string_view(text).substr(letters);
      if (rest == "am" || rest == "pm")
        return add_time(minutes_of(hour, 0, rest == "am" ? 1 : 2), i, 1);
      if (rest.size() == 3 && rest[0] == 'h') {
        if (const auto minute = parse_uint(rest.substr(1))) {
          return add_time(minutes_of(hour, static_cast<int>(*minute), 0), i, 1);
        }
      }
      return 0;
    }
    const auto hour = digits(i, 2);
    if (!hour) return 0;
    if (const std::size_t taken = read_clock(i, *hour); taken != 0) return taken;
    if (const auto [half, taken] = meridiem(i + 1); half != 0 && gap(i).size() <= 2) {
      return add_time(minutes_of(*hour, 0, half), i, 1 + taken);
    }
    if (has(i + 1) &&
        (word(i + 1) == "oclock" || (word(i + 1) == "o" && has(i + 2) && word(i + 2) == "clock"))) {
      return add_time(guess_half(*hour, 0), i, word(i + 1) == "oclock" ? 2 : 3);
    }
    return 0;
  }

  // "2:30", "2:30 pm", "2.30pm", "14:30:00"
  std::size_t read_clock(std::size_t i, int hour) {
    if (!has(i + 1) || (gap(i) != ":" && gap(i) != ".")) return 0;
    std::string minute_word = word(i + 1);
    int half = 0;
    std::size_t taken = 2;
    if (minute_word.size() == 4 && (minute_word.ends_with("am") || minute_word.ends_with("pm"))) {
      half = minute_word.ends_with("am") ? 1 : 2;
      minute_word.resize(2);
    }
    const auto minute = parse_uint(minute_word);
    if (!minute || minute_word.size() != 2) return 0;
    if (half == 0 && gap(i) == ":" && digits(i + 2, 2) && gap(i + 1) == ":") ++taken;
    if (half == 0) {
      const auto [found, words] = meridiem(i + taken);
      if (found != 0 && gap(i + taken - 1).size() <= 2) {
        half = found;
        taken += words;
      }
    }
    if (gap(i) == "." && half == 0) return 0;  // "2.30" alone is a number.
    return add_time(minutes_of(hour, static_cast<int>(*minute), half), i, taken);
  }

  // An hour said without half of the day: 1 to 6 are afternoon, as programmes mean it.
  static std::optional<int> guess_half(int hour, int minute) {
    return minutes_of(hour >= 1 && hour <= 6 ? hour + 12 : hour, minute, 0);
  }

  // "noon", "half past two", "quarter to three pm", "eleven o'clock", "at two pm"
  std::size_t read_spoken_time(std::size_t i) {
    const std::string& text = word(i);
    if (text == "noon" || text == "midday") return add_time(720, i, 1);
    if (text == "midnight") return add_time(0, i, 1);
    int offset = 0;
    std::size_t at = i;
    if ((text == "half" || text == "quarter") && has(i + 2) &&
        (word(i + 1) == "past" || word(i + 1) == "to")) {
      offset = text == "half" ? 30 : 15;
      if (word(i + 1) == "to") offset = -offset;
      at = i + 2;
    }
    auto hour = number_of_word(word(at));
    if (!hour) hour = digits(at, 2);
    if (!hour || *hour < 1 || *hour > 23) return 0;
    auto [half, words] = meridiem(at + 1);
    const bool clock = has(at + 1) && (word(at + 1) == "oclock");
    if (clock) words = 1;
    if (at == i && half == 0 && !clock) return 0;
    const auto base = half != 0 ? minutes_of(*hour, 0, half) : guess_half(*hour, 0);
    if (!base || *base + offset < 0) return 0;
    return add_time(*base + offset, i, at - i + 1 + words);
  }

  std::size_t read_weekday(std::size_t i) {
    const std::string_view day = weekday_of_word(word(i));
    if (day.empty()) return 0;
    const bool whole = word(i).size() >= 6;
    // "sat", "sun" and "wed" are words as well.
    const bool introduced =
        i > 0 && (word(i - 1) == "on" || word(i - 1) == "this" || word(i - 1) == "next");
    if (!whole && !tokens_[i].capital && !introduced) return 0;
    return add(FactKind::kWeekday, std::string(day), i, 1);
  }

  // Numbers with what makes them money, percentages, versions or years.
  std::size_t read_quantity(std::size_t i) {
    const auto [value, count] = read_number(i);
    if (count == 0) {
      const bool has_digit = std::ranges::any_of(word(i), is_ascii_digit);
      if (!has_digit) return 0;
      const std::string& text = word(i);
      if (text.size() > 1 && text[0] == 'v' && is_ascii_digit(text[1]))
        return read_version(i, text.substr(1));
      return add(FactKind::kIdentifier, text, i, 1);
    }
    const std::string_view left = before(i);
    const std::size_t last = i + count - 1;
    const std::string_view right = gap(last);
    for (const auto& [sign, code] : kCurrencySigns) {
      if (left.ends_with(sign) || right.starts_with(sign))
        return add(FactKind::kMoney, fmt::format("{} {}", code, value), i, count);
    }
    if (right.starts_with("%")) return add(FactKind::kPercent, value + "%", i, count);
    if (has(last + 1)) {
      const std::string& unit = tokens_[last + 1].folded;
      if (unit == "percent") return add(FactKind::kPercent, value + "%", i, count + 1);
      for (const auto& [name, code] : kCurrencyNames) {
        if (unit == name)
          return add(FactKind::kMoney, fmt::format("{} {}", code, value), i, count + 1);
      }
    }
    if (std::ranges::count(value, '.') > 1) return add(FactKind::kVersion, value, i, count);
    const auto year = parse_uint(value);
    const bool is_year = count == 1 && value.size() == 4 && year && *year >= 1900 && *year <= 2099;
    return add(is_year ? FactKind::kYear : FactKind::kNumber, value, i, count);
  }

  std::size_t read_version(std::size_t i, std::string value) {
    std::size_t count = 1;
    while (has(i + count) && gap(i + count - 1) == "." && digits(i + count))
      value += "." + word(i + count++);
    return add(FactKind::kVersion, value, i, count);
  }

  // "1,400", "2.5", "1.2.3", "twenty-four", "four hundred": the value and the words taken.
  std::pair<std::string, std::size_t> read_number(std::size_t i) const {
    if (word(i).find_first_not_of("0123456789") == std::string::npos) {
      std::string value = word(i);
      std::size_t count = 1;
      while (has(i + count) && gap(i + count - 1) == "," && word(i + count).size() == 3 &&
             digits(i + count, 3)) {
        value += word(i + count++);
      }
      while (has(i + count) && gap(i + count - 1) == "." && digits(i + count, 9))
        value += "." + word(i + count++);
      const std::size_t zeros = value.find_first_not_of('0');
      if (zeros != 0 && zeros != std::string::npos && value[zeros] != '.') value.erase(0, zeros);
      return {value, count};
    }
    return read_spoken_number(i);
  }

  std::pair<std::string, std::size_t> read_spoken_number(std::size_t i) const {
    long total = 0;
    long part = 0;
    std::size_t count = 0;
    while (has(i + count) && count < 8) {
      const std::string& text = word(i + count);
      if (count > 0 && gap(i + count - 1) != " " && gap(i + count - 1) != "-") break;
      if (const auto small = number_of_word(text)) {
        const bool fits =
            part == 0 || (part % 100 == 0) || (part % 10 == 0 && part % 100 >= 20 && *small < 10);
        if (!fits) break;
        part += *small;
      } else if (text == "hundred" && part > 0 && part < 100) {
        part *= 100;
      } else if ((text == "thousand" || text == "million" || text == "billion") && part > 0) {
        total += part * (text == "thousand" ? 1000L : text == "million" ? 1000000L : 1000000000L);
        part = 0;
      } else {
        break;
      }
      ++count;
    }
    // "one" alone is a pronoun more often than a number.
    if (count == 0 || (count == 1 && word(i) == "one")) return {{}, 0};
    return {std::to_string(total + part), count};
  }

  static constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kCurrencySigns = {
      {{"$", "usd"}, {"\xE2\x82\xAC", "eur"}, {"\xC2\xA3", "gbp"}}};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kCurrencyNames = {
      {{"dollar", "usd"},
       {"dollars", "usd"},
       {"usd", "usd"},
       {"euro", "eur"},
       {"euros", "eur"},
       {"eur", "eur"},
       {"pound", "gbp"},
       {"pounds", "gbp"},
       {"gbp", "gbp"}}};

  std::string_view text_;
  const std::vector<Token>& tokens_;
  std::vector<Fact> facts_;
};

}  // namespace

std::vector<Fact> extract_facts(std::string_view text, const std::vector<Token>& tokens) {
  return FactScanner(text, tokens).scan();
}

std::vector<NameSpan> extract_names(std::string_view text, const std::vector<Token>& tokens) {
  static constexpr std::array<std::string_view, 14> kParticles = {
      "van", "von", "de", "der", "den", "di", "da", "la", "le", "del", "of", "bin", "al", "y"};
  std::vector<NameSpan> names;
  std::size_t i = 0;
  while (i < tokens.size()) {
    if (!tokens[i].capital) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < tokens.size()) {
      const std::string_view gap =
          text.substr(tokens[end - 1].end, tokens[end].begin - tokens[end - 1].end);
      const bool close = gap == " " || gap == "-" || gap == ". " || gap == "." || gap == "'";
      if (!close || (gap == ". " && tokens[end - 1].folded.size() > 2)) break;
      if (tokens[end].capital) {
        ++end;
        continue;
      }
      const bool particle = std::ranges::find(kParticles, tokens[end].folded) != kParticles.end();
      if (!particle || end + 1 >= tokens.size() || !tokens[end + 1].capital) break;
      end += 2;
    }
    names.push_back({i, end});
    i = end;
  }
  return names;
}

bool has_negation(const std::vector<Token>& tokens) {
  static constexpr std::array<std::string_view, 20> kNegations = {
      "not",     "no",   "never",  "without", "none",   "nobody", "nothing",
      "neither", "nor",  "cannot", "isnt",    "arent",  "dont",   "doesnt",
      "didnt",   "wont", "cant",   "wasnt",   "werent", "hasnt"};
  return std::ranges::any_of(tokens, [](const Token& token) {
    return std::ranges::find(kNegations, token.folded) != kNegations.end();
  });
}

}  // namespace rage::rag
