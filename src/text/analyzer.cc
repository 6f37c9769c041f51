#include "text/analyzer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "text/detail/stemmer.h"
#include "text/detail/word_characters.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using detail::WordKind;

constexpr std::size_t kTermBytesMax = 64;   // Longer words are data.
constexpr std::size_t kRawBytesMax = 512;   // So are these, before folding.
constexpr std::size_t kJoinedPartsMax = 4;  // More are an address, whose joined form nobody types.
constexpr std::size_t kJoinedBytesMax = 32;
constexpr std::size_t kNumberedLettersMin = 2;  // "tls1" comes apart, "h264" and "y1" do not.

// Lucene's English list and the words that questions are made of. No "may", "us" or "will": they
// are names too.
constexpr auto kStopWords = std::to_array<std::string_view>(
    {"a",    "an",   "and",   "are",  "as",   "at",   "be",    "but",  "by",    "did",
     "do",   "does", "for",   "from", "had",  "has",  "have",  "how",  "i",     "if",
     "in",   "into", "is",    "it",   "its",  "me",   "my",    "no",   "not",   "of",
     "on",   "or",   "our",   "such", "that", "the",  "their", "then", "there", "these",
     "they", "this", "to",    "was",  "we",   "were", "what",  "when", "where", "which",
     "who",  "whom", "whose", "why",  "with", "you",  "your"});
static_assert(std::ranges::is_sorted(kStopWords));

// English auxiliaries that are no stop words, for texts have them as nouns; without "may" and
// "will".
constexpr auto kAuxiliaries = std::to_array<std::string_view>(
    {"am", "been", "being", "can", "cannot", "could", "might", "must", "shall", "should", "would"});
static_assert(std::ranges::is_sorted(kAuxiliaries));

enum class Wanted { kAll, kWithoutAuxiliaries };

bool is_small_letter(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Reads a text once, from left to right.
class Scanner final {
 public:
  Scanner(std::string_view text, Wanted wanted)
      : text_(text), wanted_(wanted), stemmer_(detail::thread_stemmer()) {
    terms_.reserve(text.size() / 8 + 1);
  }

  std::vector<std::string> run() {
    while (at_ < text_.size()) {
      std::size_t after = at_;
      switch (detail::read_word_kind(text_, after)) {
        case WordKind::kLetter:
        case WordKind::kDigit:
          read_identifier();
          break;
        case WordKind::kIdeographic:
          read_ideographs();
          break;
        case WordKind::kComplex:
          read_complex();
          break;
        case WordKind::kExtend:
        case WordKind::kOther:
          at_ = after;
          break;
      }
    }
    return std::move(terms_);
  }

 private:
  // Words with single joiners between them; most often one word alone.
  void read_identifier() {
    joined_.clear();
    std::size_t parts = 0;
    bool ends_in_digit = false;
    do {
      const std::string_view folded = fold_word(read_word(ends_in_digit));
      ++parts;
      if (parts == 1 && read_language_suffix(folded)) return;
      add_part(folded);
      if (parts <= kJoinedPartsMax && joined_.size() <= kJoinedBytesMax) joined_.append(folded);
    } while (skip_joiner(ends_in_digit));
    const bool is_name = parts > 1 && parts <= kJoinedPartsMax && joined_.size() <= kJoinedBytesMax;
    if (is_name) add_term(joined_);
  }

  // Letters, digits, what extends them, and apostrophes between letters.
  std::string_view read_word(bool& ends_in_digit) {
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      std::size_t after = at_;
      const WordKind kind = detail::read_word_kind(text_, after);
      if (kind == WordKind::kLetter || kind == WordKind::kDigit) {
        ends_in_digit = kind == WordKind::kDigit;
      } else if (kind != WordKind::kExtend && (ends_in_digit || !skip_apostrophe(after))) {
        break;
      }
      at_ = after;
    }
    return text_.substr(begin, at_ - begin);
  }

  // Is the character at at_ an apostrophe with a letter after it? Moves `after` past the
  // apostrophe.
  bool skip_apostrophe(std::size_t& after) const {
    after = at_;
    const char32_t c = next_code_point(text_, after);
    if ((c != '\'' && c != 0x2019) || after >= text_.size()) return false;
    std::size_t beyond = after;
    return detail::read_word_kind(text_, beyond) == WordKind::kLetter;
  }

  // A joiner counts only between word characters. Moves past it.
  bool skip_joiner(bool after_digit) {
    if (at_ >= text_.size()) return false;
    std::size_t after = at_;
    const char32_t c = next_code_point(text_, after);
    const bool joins = c == '-' || c == '.' || c == '_' || c == ':' || c == '/' || c == '@' ||
                       c == '+' || c == '&' || c == 0x2010 || c == 0x2011;
    const bool groups_digits = c == ',' && after_digit;
    if ((!joins && !groups_digits) || after >= text_.size()) return false;
    std::size_t beyond = after;
    const WordKind next = detail::read_word_kind(text_, beyond);
    if (next != WordKind::kDigit && (next != WordKind::kLetter || groups_digits)) return false;
    at_ = after;
    return true;
  }

  // "C++", "g++", "C#": letters and their signs are one name.
  bool read_language_suffix(std::string_view folded) {
    const std::string_view rest = text_.substr(at_, 2);
    const bool plus = rest == "++" && folded.size() <= kTermBytesMax;
    const bool sharp = rest.starts_with('#') && folded.size() == 1;
    if ((!plus && !sharp) || !std::ranges::all_of(folded, is_small_letter)) return false;
    const std::size_t end = at_ + (plus ? 2 : 1);
    if (end < text_.size()) {
      std::size_t after = end;
      const WordKind next = detail::read_word_kind(text_, after);
      if (next == WordKind::kLetter || next == WordKind::kDigit) return false;
    }
    at_ = end;
    terms_.push_back(std::string(folded) + (plus ? "++" : "#"));
    if (folded.size() > 1) add_term(folded);
    return true;
  }

  // Valid until the next call. Empty for what is too long to be a word.
  std::string_view fold_word(std::string_view raw) {
    folded_.clear();
    raw_ = raw;
    if (raw.size() > kRawBytesMax) return {};
    if (is_ascii(raw)) {
      for (const char c : raw) {
        folded_.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
      }
    } else {
      folded_ = detail::fold_wide(raw);
      for (std::size_t at = folded_.find("\u2019"); at != std::string::npos;
           at = folded_.find("\u2019", at)) {
        folded_.replace(at, 3, "'");
      }
    }
    return folded_;
  }

  // A word of an identifier, with what it yields besides itself.
  void add_part(std::string_view folded) {
    const std::size_t apostrophe = folded.rfind('\'');
    if (apostrophe != std::string_view::npos) return add_apostrophe(folded, apostrophe);
    add_term(folded);
    std::size_t letters = 0;
    while (letters < folded.size() && is_small_letter(folded[letters])) ++letters;
    const std::string_view number = folded.substr(letters);
    if (letters < kNumberedLettersMin || number.empty() || folded.size() > kTermBytesMax) return;
    if (!std::ranges::all_of(number, is_ascii_digit)) return;
    add_term(folded.substr(0, letters));
    add_term(number);
  }

  // "Smith's" is Smith, "we're" is "we", "O'Brien" also "OBrien"; "don't" is itself.
  void add_apostrophe(std::string_view folded, std::size_t apostrophe) {
    const std::string_view suffix = folded.substr(apostrophe + 1);
    if (suffix == "s" || suffix == "re" || suffix == "ve" || suffix == "ll" || suffix == "d" ||
        suffix == "m") {
      return add_part(folded.substr(0, apostrophe));
    }
    add_term(folded);
    if (suffix == "t") return;
    std::string bare(folded);
    std::erase(bare, '\'');
    add_term(bare);
  }

  // Drops stop words and single letters, stems what is English.
  void add_term(std::string_view folded) {
    if (folded.empty() || folded.size() > kTermBytesMax) return;
    if (folded.size() == 1 && !is_ascii_digit(folded[0])) return;
    if (std::ranges::all_of(folded, is_small_letter)) {
      if (is_stop_word(folded) || is_unwanted(folded)) return;
      folded = stemmer_.stem(folded);
    } else if (is_single_letter(folded)) {
      return;
    }
    terms_.emplace_back(folded);
  }

  bool is_unwanted(std::string_view folded) const {
    if (wanted_ == Wanted::kAll) return false;
    const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
    return std::ranges::binary_search(kAuxiliaries, folded) &&
           !std::ranges::all_of(raw_, is_capital);
  }

  static bool is_single_letter(std::string_view folded) {
    if (folded.size() > 4) return false;
    std::size_t at = 0;
    const char32_t c = next_code_point(folded, at);
    return at == folded.size() && detail::word_kind(c) == WordKind::kLetter;
  }

  // The run of one kind (with what extends it) that begins here; moves past it.
  std::string_view read_run_of(WordKind kind) {
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      std::size_t after = at_;
      const WordKind next = detail::read_word_kind(text_, after);
      if (next != kind && next != WordKind::kExtend) break;
      at_ = after;
    }
    return text_.substr(begin, at_ - begin);
  }

  void read_ideographs() {
    const std::string folded = fold(read_run_of(WordKind::kIdeographic));
    if (folded.empty()) return;
    std::size_t first = 0;
    std::size_t at = 0;
    next_code_point(folded, at);
    if (at == folded.size()) terms_.push_back(folded);
    while (at < folded.size()) {
      const std::size_t second = at;
      next_code_point(folded, at);
      terms_.push_back(folded.substr(first, at - first));
      first = second;
    }
  }

  void read_complex() {
    const std::string run = fold(read_run_of(WordKind::kComplex));
    detail::for_each_dictionary_word(run, [this](std::string_view word) { add_term(word); });
  }

  std::string_view text_;
  Wanted wanted_;
  detail::Stemmer& stemmer_;
  std::size_t at_ = 0;
  std::string_view raw_;  // The word that folded_ is of.
  std::string folded_;
  std::string joined_;
  std::vector<std::string> terms_;
};

}  // namespace

std::vector<std::string> analyze(std::string_view text) {
  return Scanner(text, Wanted::kAll).run();
}

std::vector<std::string> analyze_question(std::string_view text) {
  std::vector<std::string> terms = Scanner(text, Wanted::kWithoutAuxiliaries).run();
  return terms.empty() ? analyze(text) : terms;
}

std::string fold(std::string_view text) {
  return is_ascii(text) ? to_lower_ascii(text) : detail::fold_wide(text);
}

std::string stem(std::string_view folded_word) {
  if (folded_word.empty() || !std::ranges::all_of(folded_word, is_small_letter)) {
    return std::string(folded_word);
  }
  return std::string(detail::thread_stemmer().stem(folded_word));
}

bool is_stop_word(std::string_view folded_word) {
  return std::ranges::binary_search(kStopWords, folded_word);
}

}  // namespace rage::text
