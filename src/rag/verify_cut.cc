#include "rag/verify_cut.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/question_words.h"

namespace rage::rag {
namespace {

constexpr std::size_t kPhraseWords = 8;
constexpr std::size_t kAppositionWords = 12;

bool is_finite_verb(std::string_view folded) {
  static constexpr auto kVerbs = std::to_array<std::string_view>(
      {"is",      "are",       "was",       "were",     "has",        "have",     "takes",
       "starts",  "begins",    "runs",      "lasts",    "ends",       "presents", "speaks",
       "gives",   "talks",     "covers",    "shows",    "explains",   "teaches",  "leads",
       "hosts",   "discusses", "describes", "compares", "introduces", "costs",    "weighs",
       "opens",   "closes",    "offers",    "includes", "contains",   "provides", "features",
       "focuses", "belongs",   "measures",  "uses",     "needs"});
  return is_one_of(folded, kVerbs);
}

// ", which is the largest room", ", with a break": says more of what the sentence has said already.
bool opens_addition(std::string_view folded) {
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"which", "who", "whose", "where", "while", "although", "though", "because", "with",
       "including", "featuring", "covering", "along"});
  return is_one_of(folded, kWords);
}

bool joins_clauses(std::string_view folded) {
  return folded == "and" || folded == "but";
}

// No main clause begins so: "If it rains, it is in Room 5".
bool opens_condition(std::string_view folded) {
  static constexpr auto kWords = std::to_array<std::string_view>(
      {"if",    "when", "whenever", "unless", "although", "though", "because", "while",
       "since", "as",   "after",    "before", "until",    "once",   "whether", "in",
       "on",    "at",   "for",      "with",   "by",       "from"});
  return is_one_of(folded, kWords);
}

bool opens_phrase(std::string_view folded) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"in", "at", "on", "from", "until"});
  return is_one_of(folded, kWords);
}

bool fills_phrase(std::string_view folded) {
  static constexpr auto kWords =
      std::to_array<std::string_view>({"the", "to", "of", "and", "room", "rooms", "hall", "floor",
                                       "store", "morning", "afternoon", "evening", "noon"});
  return is_one_of(folded, kWords);
}

class Cutter {
 public:
  Cutter(const ReadSentence& sentence, const CorpusIndex& corpus)
      : said_(sentence), corpus_(corpus), text_(sentence.text) {
    while (!text_.empty() && (text_.back() == '.' || text_.back() == '!')) {
      stop_.insert(0, 1, text_.back());
      text_.remove_suffix(1);
    }
    for (std::size_t at = 0; at + 1 < text_.size(); ++at) {
      if (text_[at] == ',' && text_[at + 1] == ' ' && is_open(at)) commas_.push_back(at);
    }
  }

  std::vector<Cut> cuts() {
    if (text_.ends_with('?') || text_.find_first_of("\n;") != std::string_view::npos) return {};
    cut_phrases();
    cut_clause();
    cut_apposition();
    return std::move(cuts_);
  }

 private:
  const std::string& word(std::size_t i) const { return said_.tokens[i].folded; }

  // The first token that begins at or after the byte.
  std::size_t token_from(std::size_t byte) const {
    const auto found = std::ranges::lower_bound(said_.tokens, byte, {}, &Token::begin);
    return static_cast<std::size_t>(found - said_.tokens.begin());
  }

  // Neither in a title nor between quotation marks or brackets.
  bool is_open(std::size_t byte) const {
    const std::string_view head = text_.substr(0, byte);
    const auto count = [&](std::string_view sign) {
      std::size_t found = 0;
      for (std::size_t at = 0; (at = head.find(sign, at)) != std::string_view::npos;
           at += sign.size())
        ++found;
      return found;
    };
    const bool quoted = count("“") != count("”") || count("\"") % 2 != 0 ||
                        count("(") != count(")") || count("[") != count("]");
    const std::size_t next = token_from(byte);
    const bool titled = next > 0 && next < said_.tokens.size() && said_.in_title(next - 1) &&
                        said_.in_title(next) && !between_titles(next);
    return !quoted && !titled;
  }
  bool between_titles(std::size_t next) const {
    return std::ranges::any_of(
        said_.titles, [&](const TitleMention& mention) { return mention.token_begin == next; });
  }

  bool has_verb(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i) {
      if (is_finite_verb(word(i)) && !said_.in_title(i)) return true;
    }
    return false;
  }

  // "Room 5 is", "it takes", "and": no sentence ends so.
  static bool may_end_with(const Token& token) {
    return !is_finite_verb(token.folded) && !is_function_word(token.folded);
  }

  // "Not in Room 5 on Friday" is less than "not in Room 5"; so it is with "only" and "every".
  static bool says_more(const ReadSentence& left) {
    for (std::size_t i = 0; i < left.tokens.size(); ++i) {
      if (is_relation(left.tokens[i].folded) && !left.in_title(i)) return true;
    }
    return left.negation;
  }

  void keep(std::string_view head, std::string_view rest, std::string_view dropped) {
    if (cuts_.size() == kCutsMax) return;
    std::string kept(trim(head));
    while (!kept.empty() && (kept.back() == ',' || kept.back() == ' ')) kept.pop_back();
    kept += rest;
    kept += stop_;
    const ReadSentence left = read_sentence(kept, corpus_);
    if (left.tokens.empty() || !may_end_with(left.tokens.back()) || says_more(left)) return;
    const std::size_t anchors = left.facts.size() + left.names.size() + left.titles.size() +
                                (is_pronoun(left.tokens.front().folded) ? 1 : 0);
    if (anchors >= 2 || !left.only_slots())
      cuts_.push_back({std::move(kept), std::string(trim(dropped))});
  }

  // "… in Room 5 at 14:00": one phrase of time or place at the end, then two, then three.
  void cut_phrases() {
    bool fact = false;
    for (std::size_t i = said_.tokens.size(); i-- > 2 && said_.tokens.size() - i <= kPhraseWords;) {
      const std::size_t begin = said_.tokens[i].begin;
      if (said_.in_title(i) || begin >= text_.size()) return;
      if (opens_phrase(word(i)) && fact && is_open(begin)) {
        if (has_verb(1, i)) keep(text_.substr(0, begin), "", text_.substr(begin));
      } else if (said_.used[i]) {
        fact = true;
      } else if (!fills_phrase(word(i))) {
        return;
      }
    }
  }

  // "…, and lunch is included", "…, which is the largest room".
  void cut_clause() {
    if (commas_.size() != 1) return;
    const std::size_t next = token_from(commas_[0]);
    if (next < 2 || next >= said_.tokens.size() || opens_condition(word(0))) return;
    const bool clause = joins_clauses(word(next)) && has_verb(next + 1, said_.tokens.size());
    if ((clause || opens_addition(word(next))) && has_verb(1, next))
      keep(text_.substr(0, commas_[0]), "", text_.substr(commas_[0] + 1));
  }

  // "Ruth, the inventor of the telephone, presents …"
  void cut_apposition() {
    static constexpr auto kArticles =
        std::to_array<std::string_view>({"a", "an", "the", "who", "which"});
    if (commas_.size() != 2) return;
    const std::size_t begin = token_from(commas_[0]);
    const std::size_t end = token_from(commas_[1]);
    if (begin == 0 || end >= said_.tokens.size() || end - begin > kAppositionWords) return;
    const bool named = std::ranges::all_of(said_.used.begin(),
                                           said_.used.begin() + static_cast<std::ptrdiff_t>(begin),
                                           [](bool used) { return used; });
    if (!named || !is_one_of(word(begin), kArticles) || !is_finite_verb(word(end))) return;
    keep(text_.substr(0, commas_[0]), text_.substr(commas_[1] + 1),
         text_.substr(commas_[0] + 1, commas_[1] - commas_[0] - 1));
  }

  const ReadSentence& said_;
  const CorpusIndex& corpus_;
  std::string_view text_;  // Without its full stop.
  std::string stop_;
  std::vector<std::size_t> commas_;  // Those where something may be cut.
  std::vector<Cut> cuts_;
};

}  // namespace

std::vector<Cut> possible_cuts(const ReadSentence& sentence, const CorpusIndex& corpus) {
  return Cutter(sentence, corpus).cuts();
}

}  // namespace rage::rag
