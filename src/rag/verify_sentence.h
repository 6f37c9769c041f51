// A model's sentence, read for verification: its facts, names, titles and what they leave over.
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rag/corpus.h"
#include "rag/facts.h"
#include "rag/quantities.h"
#include "rag/question.h"

namespace rage::rag {

// Value. Keeps no reference to the text.
struct ReadSentence {
  std::string text;
  std::vector<Token> tokens;
  std::vector<Fact> facts;
  std::vector<Quantity> quantities;
  std::vector<TitleMention> titles;
  std::vector<NameSpan> names;
  std::vector<std::string> addresses;  // "evil.example/login", as addresses_in() reads them.
  std::vector<bool> used;              // One a token: part of a fact, a name or a title.
  bool negation = false;               // Outside titles.

  bool in_title(std::size_t token) const;
  // Nothing but titles, names, facts and words such as "takes place".
  bool only_slots() const;
  bool has_anchor() const { return !facts.empty() || !names.empty() || !titles.empty(); }
  std::string words_of(const NameSpan& name) const;  // Folded, between spaces.
  std::string written(const NameSpan& name) const;   // At most 80 bytes.
};

ReadSentence read_sentence(std::string_view text, const CorpusIndex& corpus);

// Addresses without a scheme: "evil.example/login" is there for "https://evil.example/login", too.
// Lower case; also "node.js" and its like.
std::vector<std::string> addresses_in(std::string_view text, const std::vector<Token>& tokens);

// "not", "refuses to", "other than": the token turns round what is said.
bool is_denial(const std::vector<Token>& tokens, std::size_t i);
// "only", "first", "more": true of what the source says it of, and of nothing else.
bool is_relation(std::string_view folded);
// "it", "she", "this": begins a sentence whose subject another sentence named.
bool is_pronoun(std::string_view folded);
// The half-open minutes that a word such as "afternoon" allows for a start; none for other words.
std::optional<DayPart> day_part_of(std::string_view folded);

// A number that counts something, with the words around it.
struct Counted {
  std::string number;
  std::vector<std::string> after;   // Stems of at most two content words that follow directly.
  std::vector<std::string> before;  // Of at most four in front, nearest first.
  bool label = false;               // "Room 106": the number names, and counts nothing.
};
// Of the numbers in `facts` that no unit follows.
std::vector<Counted> counted_in(std::string_view text, const std::vector<Token>& tokens,
                                const std::vector<Fact>& facts,
                                const std::vector<Quantity>& quantities);
// True if the source's number may count what the sentence's number counts.
bool counts_same(const Counted& said, const Counted& source);

}  // namespace rage::rag
