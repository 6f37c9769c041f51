#include <algorithm>

#include "rag/question.h"
#include "rag/question_words.h"
#include "text/analyzer.h"
#include "text/english.h"

namespace rage::rag {
namespace {

bool names_key(const Token& token, const CorpusIndex& corpus) {
  return std::ranges::any_of(corpus.schema(), [&](const FieldSchema& field) {
    return std::ranges::find(field.words, token.stem) != field.words.end();
  });
}

bool is_known(const Token& token, const CorpusIndex& corpus) {
  return names_key(token, corpus) || corpus.knows_word(token.folded) ||
         corpus.knows_stem(token.stem) || is_function_word(token.folded) ||
         is_structure_word(token.folded) || is_everyday_word(token.folded) ||
         number_of_word(token.folded) || !weekday_of_word(token.folded).empty();
}

void replace(Token& token, std::string_view word) {
  token.folded = word;
  token.stem = text::stem(word);
}

// How many edits a word of this length may be away; short words are too close to each other. "a
// baker" is not James Bayer: what English has is seldom a typing error.
std::size_t edits_allowed(std::string_view word, bool capital) {
  if (word.size() < 4) return 0;
  if (text::is_english_word(word)) return word.size() < 7 ? 0 : 1;
  if (word.size() < 7) return 1;
  return capital && word.size() < 9 ? 1 : 2;
}

// Of equally near words the one in a title, then the rarer one, is more likely meant.
bool is_better(const CorpusIndex& corpus, std::string_view word, std::string_view than) {
  const auto rank = [&](std::string_view candidate) {
    const std::string stem = text::stem(candidate);
    bool title = false;
    for (const Posting& posting : corpus.postings(stem)) {
      title = title || (posting.places & (kInTitle | kInPerson | kInCategory)) != 0;
    }
    return std::pair(title, corpus.idf(stem));
  };
  return rank(word) > rank(than);
}

std::string_view nearest_corpus_word(std::string_view word, bool capital,
                                     const CorpusIndex& corpus) {
  const std::size_t edits_max = edits_allowed(word, capital);
  if (edits_max == 0 || word.find_first_of("0123456789") != std::string_view::npos) return {};
  std::string_view best;
  std::size_t best_edits = edits_max + 1;
  for (std::size_t length = word.size() - std::min(edits_max, word.size() - 1);
       length <= word.size() + edits_max; ++length) {
    for (const std::string& candidate : corpus.words_like(word[0], length)) {
      const std::size_t edits = edit_distance(word, candidate, edits_max);
      const bool tie =
          edits == best_edits && edits <= edits_max && is_better(corpus, candidate, best);
      if (edits >= best_edits && !tie) continue;
      // Four letters: only a swap or a lost letter is sure enough.
      if (word.size() == 4 && !is_transposition(word, candidate) && candidate.size() != 5) continue;
      // "Paris" is a name of its own, not mistyped "parts".
      if (capital && word.size() < 7 && candidate.size() == word.size() &&
          !is_transposition(word, candidate))
        continue;
      // A grammatical ending is not a typing error: "jail" and "jails" would share their stem.
      best = candidate;
      best_edits = edits;
    }
  }
  return best;
}

// "open telemetry", "opne telemtry" -> "opentelemetry".
bool join_with_next(const CorpusIndex& corpus, std::vector<Token>& tokens,
                    std::vector<bool>& corrected, std::size_t i) {
  if (i + 1 >= tokens.size()) return false;
  const Token& a = tokens[i];
  const Token& b = tokens[i + 1];
  if (is_function_word(a.folded) || is_function_word(b.folded) || is_structure_word(b.folded))
    return false;
  const std::string joined = a.folded + b.folded;
  if (joined.size() < 8 || joined.size() > 40) return false;
  std::string_view target;
  if (corpus.knows_word(joined)) {
    target = joined;
  } else if (a.folded.size() >= 3 && b.folded.size() >= 3 &&
             (!is_known(a, corpus) || !is_known(b, corpus))) {
    target = nearest_corpus_word(joined, false, corpus);
  }
  if (target.empty()) return false;
  Token merged = a;
  merged.end = b.end;
  const bool exact = target == joined;
  replace(merged, target);
  merged.mixed = false;
  tokens[i] = std::move(merged);
  corrected[i] = !exact;
  tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  corrected.erase(corrected.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  return true;
}

// "baremetal" -> "bare metal".
bool split_word(const CorpusIndex& corpus, std::vector<Token>& tokens, std::vector<bool>& corrected,
                std::size_t i) {
  const std::string word = tokens[i].folded;
  if (word.size() < 8) return false;
  for (std::size_t cut = 4; cut + 4 <= word.size(); ++cut) {
    const std::string head = word.substr(0, cut);
    const std::string tail = word.substr(cut);
    if (!corpus.knows_word(head) || !corpus.knows_word(tail)) continue;
    Token second = tokens[i];
    replace(tokens[i], head);
    replace(second, tail);
    tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(second));
    corrected.insert(corrected.begin() + static_cast<std::ptrdiff_t>(i) + 1, true);
    corrected[i] = true;
    return true;
  }
  return false;
}

}  // namespace

void correct_typos(std::string_view text, const CorpusIndex& corpus, std::vector<Token>& tokens,
                   std::vector<bool>& corrected) {
  (void)text;
  corrected.assign(tokens.size(), false);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (join_with_next(corpus, tokens, corrected, i)) continue;
    Token& token = tokens[i];
    if (const std::string_view slip = fixed_slip(token.folded);
        !slip.empty() && !corpus.knows_word(token.folded)) {
      replace(token, slip);
      continue;
    }
    if (is_known(token, corpus)) continue;
    const std::string_view asked = token.capital && !token.sentence_start
                                       ? std::string_view{}
                                       : nearest_question_word(token.folded);
    const std::string_view near = nearest_corpus_word(token.folded, token.capital, corpus);
    const auto edits = [&](std::string_view word) {
      return word.empty() ? std::size_t{9} : edit_distance(token.folded, word, 3);
    };
    if (!asked.empty() && edits(asked) <= edits(near)) {
      replace(token, asked);
      continue;
    }
    if (!near.empty()) {
      replace(token, near);
      corrected[i] = true;
      continue;
    }
    split_word(corpus, tokens, corrected, i);
  }
}

}  // namespace rage::rag
