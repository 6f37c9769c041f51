#include "text/sentences.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

// Words are looked at through windows of bounded length: what is longer is no abbreviation.
constexpr std::size_t kWindowBytesMax = 64;
constexpr std::size_t kHeadingBytesMax = 90;

template <std::size_t size>
bool is_one_of(std::string_view word, const std::array<std::string_view, size>& sorted) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

// All lists: lower case, without the last dot, sorted.
// Titles before a name, when written with a capital.
constexpr auto kTitles = std::to_array<std::string_view>(
    {"adm",  "asst", "atty", "brig", "capt", "cmdr", "col", "cpl", "dr",   "fr", "gen",
     "gov",  "hon",  "lt",   "maj",  "mme",  "mr",   "mrs", "ms",  "msgr", "mt", "pfc",
     "pres", "prof", "pvt",  "rep",  "rev",  "sen",  "sgt", "spc", "supt"});

// Never the last word of a sentence.
constexpr auto kNeverLast =
    std::to_array<std::string_view>({"approx", "ca", "cf", "e.g", "eg", "esp", "i.e", "ie", "incl",
                                     "messrs", "resp", "v", "viz", "vs"});

// Abbreviations only before a number: "No. 5", "Fig. 3", "Jan. 12".
constexpr auto kBeforeNumber = std::to_array<std::string_view>(
    {"apr", "art", "aug", "ch",  "chap", "dec", "eq",   "eqs", "ext", "feb", "fig", "figs", "jan",
     "jul", "jun", "mar", "no",  "nos",  "nov", "nr",   "oct", "op",  "p",   "par", "pg",   "pp",
     "pt",  "ref", "rm",  "sec", "sect", "sep", "sept", "tel", "ver", "vol", "vols"});

// Months and days, when written with a capital.
constexpr auto kCalendar = std::to_array<std::string_view>(
    {"apr", "aug", "dec", "feb",  "fri", "jan", "jul",  "jun",   "mar", "mon",  "nov",
     "oct", "sat", "sep", "sept", "sun", "thu", "thur", "thurs", "tue", "tues", "wed"});

// May end a sentence, but only an unmistakable beginning after them says so.
constexpr auto kSometimesLast = std::to_array<std::string_view>(
    {"al",  "ave", "bros", "co",  "corp", "ct",   "dept", "dist", "est", "etc", "ft", "hrs",
     "inc", "jr",  "ltd",  "mtg", "oz",   "ph.d", "rd",   "sec",  "sq",  "sr",  "st", "univ"});

// What begins a sentence and hardly a name.
constexpr auto kSentenceStarters = std::to_array<std::string_view>(
    {"after",   "all",     "also",  "although", "and",  "another", "are",   "as",    "at",
     "because", "before",  "both",  "but",      "by",   "can",     "did",   "do",    "does",
     "during",  "each",    "every", "for",      "from", "he",      "her",   "here",  "his",
     "how",     "however", "i",     "if",       "in",   "is",      "it",    "its",   "many",
     "most",    "my",      "no",    "not",      "on",   "once",    "one",   "our",   "please",
     "see",     "she",     "since", "so",       "some", "such",    "that",  "the",   "their",
     "then",    "there",   "these", "they",     "this", "those",   "to",    "two",   "under",
     "use",     "was",     "we",    "what",     "when", "where",   "which", "while", "who",
     "why",     "with",    "yes",   "you",      "your"});

// Go on after "a.m." in one sentence: "9 a.m. Pacific", "9 a.m. Monday".
constexpr auto kAfterTime = std::to_array<std::string_view>(
    {"april",    "august",   "bst",     "central",  "cest",     "cet",    "cst",      "december",
     "eastern",  "edt",      "est",     "february", "friday",   "gmt",    "ist",      "january",
     "july",     "june",     "march",   "may",      "mdt",      "monday", "mountain", "mst",
     "november", "october",  "pacific", "pdt",      "pst",      "pt",     "saturday", "september",
     "sunday",   "thursday", "tuesday", "utc",      "wednesday"});

static_assert(std::ranges::is_sorted(kTitles) && std::ranges::is_sorted(kNeverLast) &&
              std::ranges::is_sorted(kBeforeNumber) && std::ranges::is_sorted(kCalendar) &&
              std::ranges::is_sorted(kSometimesLast) && std::ranges::is_sorted(kSentenceStarters) &&
              std::ranges::is_sorted(kAfterTime));

bool is_stop(char c) {
  return c == '.' || c == '!' || c == '?';
}

// Full stops of scripts that need no space after them.
bool is_strong_stop(char32_t c) {
  switch (c) {
    case 0x3002:  // Ideographic full stop.
    case 0xFF01:  // Full-width "!".
    case 0xFF1F:  // Full-width "?".
    case 0xFF61:  // Half-width ideographic full stop.
    case 0x0964:  // Danda, double danda.
    case 0x0965:
    case 0x061F:  // Arabic question mark and full stop.
    case 0x06D4:
    case 0x1362:  // Ethiopic, Myanmar, Khmer.
    case 0x104B:
    case 0x17D4:
    case 0x203C:  // "!!", "??", "?!", "!?" as one character.
    case 0x2047:
    case 0x2048:
    case 0x2049:
      return true;
    default:
      return false;
  }
}

bool is_closer(char32_t c) {
  switch (c) {
    case '"':
    case '\'':
    case ')':
    case ']':
    case '}':
    case '*':
    case '_':
    case '`':
    case 0x00BB:  // »
    case 0x2019:  // ’
    case 0x201D:  // ”
    case 0x203A:  // ›
    case 0x300B:
    case 0x300D:
    case 0x300F:
    case 0x3011:
    case 0xFF09:
      return true;
    default:
      return false;
  }
}

bool is_opener(char32_t c) {
  switch (c) {
    case '"':
    case '\'':
    case '(':
    case '[':
    case '{':
    case '*':
    case '_':
    case '`':
    case 0x00AB:
    case 0x00BF:  // ¿
    case 0x00A1:  // ¡
    case 0x2018:
    case 0x201C:
    case 0x2039:
    case 0x300C:
    case 0x300E:
    case 0xFF08:
      return true;
    default:
      return false;
  }
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text), line_text_begin_(skip_spaces(0)) {}

  std::vector<TextSpan> run() {
    while (at_ < text_.size()) step();
    end_sentence(text_.size());
    return std::move(sentences_);
  }

 private:
  // A full stop with nothing but white space between it and `line_end`.
  struct LineStop {
    std::size_t line_end = std::string_view::npos;
    std::size_t at = 0;
    bool certain = false;  // Not one of the dots that may belong to an abbreviation.
  };
  struct Next {
    char32_t code_point = 0;
    std::size_t end = 0;
  };

  Next peek(std::size_t at) const {
    Next next{.end = at};
    if (at < text_.size()) next.code_point = next_code_point(text_, next.end);
    return next;
  }

  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      on_newline();
    } else if (is_stop(c)) {
      on_stop();
    } else if (static_cast<unsigned char>(c) < 0x80) {
      ++at_;
    } else {
      on_wide();
    }
  }

  void on_wide() {
    const Next next = peek(at_);
    if (next.code_point == 0x2026) {
      on_stop();
    } else if (is_strong_stop(next.code_point)) {
      on_strong_stop();
    } else if (next.code_point == 0x2029) {  // Paragraph separator.
      end_sentence(at_);
      at_ = next.end;
    } else {
      at_ = next.end;
    }
  }

  // "。" ends a sentence, also without a space; but 「行く。」と言った goes on.
  void on_strong_stop() {
    Next next = peek(at_);
    while (is_strong_stop(next.code_point)) next = peek(at_ = next.end);
    bool closed = false;
    while (is_closer(next.code_point)) {
      closed = true;
      next = peek(at_ = next.end);
    }
    const bool goes_on = closed && (next.code_point == 0x3068 || next.code_point == 0x3063 ||
                                    next.code_point == 0x3001);
    if (!goes_on) end_sentence(at_);
  }

  void on_stop() {
    const std::size_t stop_at = at_;
    Next next = peek(at_);
    std::size_t stops = 0;
    bool asks = false;
    for (; next.code_point == 0x2026 || next.code_point == '.' || next.code_point == '!' ||
           next.code_point == '?';
         next = peek(at_)) {
      asks = asks || next.code_point == '!' || next.code_point == '?';
      stops += next.code_point == 0x2026 ? 3 : 1;
      at_ = next.end;
    }
    const std::size_t end = skip_closers(at_);
    next = peek(end);
    if (end < text_.size() && !is_white_space(next.code_point)) return;  // "example.com", "3.14"
    const bool certain = asks || stops > 1 || end != at_;
    at_ = end;
    const std::size_t following = skip_spaces(end);
    if (following == text_.size()) return;
    if (text_[following] == '\n') {  // What the next line begins with decides.
      line_stop_ = {.line_end = following, .at = stop_at, .certain = certain};
      return;
    }
    if (stops == 1 && is_spaced(stop_at, following)) return end_sentence(at_);
    if (starts_small(following)) return;
    if (certain || dot_ends(stop_at, following)) end_sentence(at_);
  }

  // "the wing . the flow": tokenised text, where the stop stands alone; but ". . ." is an ellipsis.
  bool is_spaced(std::size_t stop_at, std::size_t following) const {
    return stop_at >= 2 && text_[stop_at - 1] == ' ' && !is_stop(text_[stop_at - 2]) &&
           !is_stop(text_[following]);
  }

  // Closing quotes and brackets, and the footnote marks of encyclopedias: "born in 1856.[3]"
  std::size_t skip_closers(std::size_t at) const {
    for (;;) {
      const Next next = peek(at);
      if (next.end != at && is_closer(next.code_point)) {
        at = next.end;
        continue;
      }
      if (next.code_point != '[') return at;
      std::size_t end = next.end;
      while (end < text_.size() && end < at + 5 && is_ascii_digit(text_[end])) ++end;
      if (end == next.end || end == text_.size() || text_[end] != ']') return at;
      at = end + 1;
    }
  }

  // Past white space within the line.
  std::size_t skip_spaces(std::size_t at) const {
    for (;;) {
      const Next next = peek(at);
      if (next.end == at || next.code_point == '\n' || !is_white_space(next.code_point)) return at;
      at = next.end;
    }
  }

  std::size_t skip_openers(std::size_t at) const {
    for (int i = 0; i < 8; ++i) {
      const Next next = peek(at);
      if (next.end == at || !is_opener(next.code_point)) break;
      at = next.end;
    }
    return at;
  }

  // A small letter or a comma goes on with the sentence.
  bool starts_small(std::size_t at) const {
    const Next next = peek(skip_openers(at));
    return next.code_point == ',' || next.code_point == ';' || next.code_point == ':' ||
           u_islower(static_cast<UChar32>(next.code_point)) != 0;
  }

  // Is the single dot at `stop_at` the end of a sentence, `following` being what comes next?
  bool dot_ends(std::size_t stop_at, std::size_t following) const {
    const std::size_t begin = word_begin(stop_at);
    const std::string_view word = text_.substr(begin, stop_at - begin);
    if (word.empty()) return stop_at > 0 && !is_ascii_space(text_[stop_at - 1]);
    if (word.size() >= kWindowBytesMax) return true;
    if (is_list_marker(begin, word)) return false;
    const std::string lower = to_lower_ascii(word);
    const std::string next_word = word_at(skip_openers(following));
    if (!next_word.empty() && is_ascii_digit(next_word[0]) && is_one_of(lower, kBeforeNumber)) {
      return false;
    }
    const bool capital = word[0] >= 'A' && word[0] <= 'Z';
    if (is_one_of(lower, kNeverLast) || (capital && is_one_of(lower, kTitles))) return false;
    if (lower == "a.m" || lower == "p.m") {
      return !next_word.empty() && is_ascii_alpha(next_word[0]) &&
             !is_one_of(next_word, kAfterTime);
    }
    if (is_initials(word)) {  // "K. He" and "J. So" are names.
      const bool short_name = word.size() <= 2 && next_word.size() <= 2 && next_word != "it" &&
                              next_word != "we" && next_word != "if";
      return !short_name && is_one_of(next_word, kSentenceStarters);
    }
    const bool doubtful =
        is_one_of(lower, kSometimesLast) || (capital && is_one_of(lower, kCalendar));
    return !doubtful || is_one_of(next_word, kSentenceStarters);
  }

  // "J", "U.S", "J.R.R": single letters with dots between.
  static bool is_initials(std::string_view word) {
    if (word.size() % 2 == 0) return is_one_wide_letter(word);
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (i % 2 == 0 ? !is_ascii_alpha(word[i]) : word[i] != '.') return is_one_wide_letter(word);
    }
    return word.size() > 1 || (word[0] >= 'A' && word[0] <= 'Z');
  }

  // "É." as in "É. Zola".
  static bool is_one_wide_letter(std::string_view word) {
    if (static_cast<unsigned char>(word[0]) < 0x80) return false;
    std::size_t at = 0;
    const char32_t letter = next_code_point(word, at);
    return at == word.size() && u_isupper(static_cast<UChar32>(letter)) != 0;
  }

  // "1.", "12.", "a.", "iv." at the start of a line.
  bool is_list_marker(std::size_t begin, std::string_view word) const {
    if (begin != line_text_begin_ || word.size() > 3) return false;
    const bool digits = std::all_of(word.begin(), word.end(), is_ascii_digit);
    const bool roman = word.find_first_not_of("ivx") == std::string_view::npos;
    return digits || roman || (word.size() == 1 && is_ascii_alpha(word[0]));
  }

  std::size_t word_begin(std::size_t end) const {
    std::size_t begin = end;
    while (begin > 0 && end - begin < kWindowBytesMax) {
      const char c = text_[begin - 1];
      if (is_ascii_space(c) || c == '(' || c == '[' || c == '"' || c == '\'' || c == '*' ||
          c == '_' || c == '/' || c == '-') {
        break;
      }
      --begin;
    }
    return begin;
  }

  // The run of ASCII letters and digits at `at`, in lower case.
  std::string word_at(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && end - at < kWindowBytesMax &&
           (is_ascii_alpha(text_[end]) || is_ascii_digit(text_[end]))) {
      ++end;
    }
    return to_lower_ascii(text_.substr(at, end - at));
  }

  void on_newline() {
    const std::size_t line_end = at_++;
    const std::size_t next = skip_spaces(at_);
    const bool blank = next < text_.size() && text_[next] == '\n';
    if (blank || starts_block(next) || is_heading(line_end, next) || stop_ends(line_end, next)) {
      end_sentence(line_end);
    }
    line_text_begin_ = next;
  }

  // A full stop was the last thing on the line: the same question as within a line.
  bool stop_ends(std::size_t line_end, std::size_t next) const {
    if (line_stop_.line_end != line_end || starts_small(next)) return false;
    return line_stop_.certain || dot_ends(line_stop_.at, next);
  }

  // A list item, a heading, a quotation, a table row or a "Room: 305" line.
  bool starts_block(std::size_t at) const {
    if (at == text_.size()) return false;
    const std::string_view line = text_.substr(at, kHeadingBytesMax);
    const char c = line[0];
    if (c == '#' || c == '|' || c == '>') return true;
    if ((c == '-' || c == '*' || c == '+') && line.size() > 1 && is_ascii_space(line[1]))
      return true;
    if (line.starts_with("\xE2\x80\xA2") || line.starts_with("\xE2\x80\x93 ")) return true;  // • –
    if (line.starts_with("```") || line.starts_with("---") || line.starts_with("===")) return true;
    return starts_numbered(line) || starts_labelled(line);
  }

  // "1. ", "12) ", "a) ", "(3) ".
  static bool starts_numbered(std::string_view line) {
    std::size_t at = line[0] == '(' ? 1 : 0;
    const std::size_t begin = at;
    while (at < line.size() && is_ascii_digit(line[at])) ++at;
    if (at == begin && at < line.size() && is_ascii_alpha(line[at])) {
      ++at;
      if (at < line.size() && line[at] == '.') return false;  // "J. Smith"
    }
    return at > begin && at - begin <= 3 && at + 1 < line.size() &&
           (line[at] == '.' || line[at] == ')') && is_ascii_space(line[at + 1]);
  }

  // One to three words and a colon: "Room: 305", "Speaker name: A. N. Other".
  static bool starts_labelled(std::string_view line) {
    if (line[0] < 'A' || line[0] > 'Z') return false;
    std::size_t words = 1;
    for (std::size_t at = 0; at < line.size() && at < 32; ++at) {
      const char c = line[at];
      if (c == ':') return at + 1 == line.size() || is_ascii_space(line[at + 1]);
      if (c == ' ' && ++words > 3) return false;
      if (c != ' ' && c != '-' && c != '_' && !is_ascii_alpha(c)) return false;
    }
    return false;
  }

  // "# Title", a line that ends with a colon, or a short line in title case that is no running
  // text.
  bool is_heading(std::size_t line_end, std::size_t next) const {
    const std::size_t begin = line_text_begin_;
    if (begin >= line_end) return false;
    const std::size_t end = trimmed_end(begin, line_end);
    const std::string_view line = text_.substr(begin, end - begin);
    if (line.size() > kHeadingBytesMax || line.empty()) return false;
    if (line[0] == '#' || line.back() == ':') return true;
    if (next == text_.size() || starts_small(next) || line.back() == ',') return false;
    const bool first_line = trimmed_begin(sentence_begin_, line_end) == begin;
    return first_line && line.size() <= 60 && is_title_case(line);
  }

  // Every word of four letters or more is capitalised, and there are at least two words.
  static bool is_title_case(std::string_view line) {
    std::size_t words = 0;
    for (const std::string_view word : split(line, ' ')) {
      if (word.empty()) continue;
      ++words;
      const bool big = word[0] >= 'A' && word[0] <= 'Z';
      if (!big && (words == 1 || word.size() > 3 || !is_ascii_alpha(word[0]))) return false;
    }
    return words >= 2 && line.back() != '.';
  }

  // The end of text_[begin, end) without white space.
  std::size_t trimmed_end(std::size_t begin, std::size_t end) const {
    while (end > begin) {
      std::size_t last = end - 1;
      while (last > begin && end - last < 4 &&
             (static_cast<unsigned char>(text_[last]) & 0xC0) == 0x80) {
        --last;
      }
      std::size_t after = last;
      const char32_t code_point = next_code_point(text_, after);
      if (after != end || !is_white_space(code_point)) break;
      end = last;
    }
    return end;
  }

  std::size_t trimmed_begin(std::size_t begin, std::size_t end) const {
    while (begin < end) {
      const Next next = peek(begin);
      if (!is_white_space(next.code_point)) break;
      begin = next.end;
    }
    return begin;
  }

  void end_sentence(std::size_t end) {
    const std::size_t begin = trimmed_begin(sentence_begin_, end);
    end = trimmed_end(begin, end);
    if (begin < end) sentences_.push_back({.begin = begin, .end = end});
    sentence_begin_ = std::max(end, begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_text_begin_;  // Past the indentation.
  LineStop line_stop_;
  std::size_t sentence_begin_ = 0;
  std::vector<TextSpan> sentences_;
};

}  // namespace

std::vector<TextSpan> split_sentences(std::string_view text) {
  return Splitter(text).run();
}

}  // namespace rage::text
