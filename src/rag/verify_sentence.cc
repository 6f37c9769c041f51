#include "rag/verify_sentence.h"

#include <algorithm>
#include <array>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "rag/question_words.h"

namespace rage::rag {
namespace {

void use(ReadSentence& sentence, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end && i < sentence.used.size(); ++i) sentence.used[i] = true;
}

// Capitalised runs, without an ordinary word at the head of the sentence.
std::vector<NameSpan> names_of(const ReadSentence& sentence, const CorpusIndex& corpus) {
  std::vector<NameSpan> spans;
  for (NameSpan span : extract_names(sentence.text, sentence.tokens)) {
    const Token& head = sentence.tokens[span.token_begin];
    const bool ordinary = head.sentence_start && !head.mixed &&
                          (is_function_word(head.folded) || is_structure_word(head.folded) ||
                           corpus.is_common_word(head.folded) || is_everyday_word(head.folded));
    if (ordinary) ++span.token_begin;
    if (span.token_begin >= span.token_end) continue;
    const bool title = std::ranges::any_of(sentence.titles, [&](const TitleMention& mention) {
      return mention.token_begin <= span.token_begin && span.token_end <= mention.token_end;
    });
    const bool weekday = span.token_end == span.token_begin + 1 && sentence.used[span.token_begin];
    if (!title && !weekday) spans.push_back(span);
  }
  return spans;
}

bool is_counted_content(const Token& token) {
  return !is_function_word(token.folded) &&
         (!is_structure_word(token.folded) || is_record_noun(token.folded));
}

bool shares(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::any_of(
      a, [&](const std::string& word) { return std::ranges::find(b, word) != b.end(); });
}

}  // namespace

bool ReadSentence::in_title(std::size_t token) const {
  return std::ranges::any_of(titles, [&](const TitleMention& mention) {
    return mention.token_begin <= token && token < mention.token_end;
  });
}

bool ReadSentence::only_slots() const {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!used[i] && !is_function_word(tokens[i].folded) && !is_structure_word(tokens[i].folded) &&
        !day_part_of(tokens[i].folded))
      return false;
  }
  return true;
}

std::string ReadSentence::words_of(const NameSpan& name) const {
  std::string words = " ";
  for (std::size_t i = name.token_begin; i < name.token_end; ++i) words += tokens[i].folded + " ";
  return words;
}

std::string ReadSentence::written(const NameSpan& name) const {
  const std::size_t begin = tokens[name.token_begin].begin;
  return text.substr(begin, std::min<std::size_t>(tokens[name.token_end - 1].end - begin, 80));
}

ReadSentence read_sentence(std::string_view text, const CorpusIndex& corpus) {
  ReadSentence read;
  read.text = text;
  read.tokens = tokenize(text);
  read.facts = extract_facts(text, read.tokens);
  read.quantities = extract_quantities(text, read.tokens, read.facts);
  read.used.assign(read.tokens.size(), false);
  if (corpus.structured()) read.titles = find_titles(read.tokens, corpus);
  std::erase_if(read.titles, [](const TitleMention& mention) { return mention.coverage < 0.7; });
  for (const TitleMention& mention : read.titles) use(read, mention.token_begin, mention.token_end);
  for (const Fact& fact : read.facts) use(read, fact.token_begin, fact.token_end);
  for (const Quantity& one : read.quantities) use(read, one.token_begin, one.token_end);
  read.names = names_of(read, corpus);
  for (const NameSpan& name : read.names) use(read, name.token_begin, name.token_end);
  // What a title is made of is neither a fact nor an amount that the sentence states.
  std::erase_if(read.facts, [&](const Fact& fact) { return read.in_title(fact.token_begin); });
  std::erase_if(read.quantities,
                [&](const Quantity& one) { return read.in_title(one.token_begin); });
  read.addresses = addresses_in(text, read.tokens);
  const auto in_address = [&](std::size_t i) {
    return std::ranges::any_of(read.facts, [&](const Fact& fact) {
      const bool address = fact.kind == FactKind::kUrl || fact.kind == FactKind::kEmail;
      return address && fact.token_begin <= i && i < fact.token_end;
    });
  };
  for (std::size_t i = 0; i < read.tokens.size(); ++i)
    read.negation =
        read.negation || (is_denial(read.tokens, i) && !read.in_title(i) && !in_address(i));
  return read;
}

std::vector<std::string> addresses_in(std::string_view text, const std::vector<Token>& tokens) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const auto dotted = [&](std::size_t k) {
      return k + 1 < tokens.size() && tokens[k + 1].begin == tokens[k].end + 1 &&
             text[tokens[k].end] == '.' && is_ascii_alpha(text[tokens[k + 1].begin]);
    };
    const std::size_t first = i;
    if (tokens[i].end - tokens[i].begin < 2 || !dotted(i)) continue;
    while (dotted(i)) ++i;
    const std::size_t length = tokens[i].end - tokens[i].begin;
    if (length < 2 || length > 12 || tokens[i].folded == "m") continue;
    std::size_t end = tokens[i].end;
    if (end < text.size() && text[end] == '/') {
      end = std::min(text.find_first_of(" \t\r\n<>\"'`)]}|,;", end), text.size());
      while (text[end - 1] == '.' || text[end - 1] == '/') --end;
    }
    std::string address =
        to_lower_ascii(text.substr(tokens[first].begin, end - tokens[first].begin));
    if (address.starts_with("www.")) address.erase(0, 4);
    found.push_back(std::move(address));
  }
  return found;
}

bool is_denial(const std::vector<Token>& tokens, std::size_t i) {
  static constexpr auto kDenials = std::to_array<std::string_view>(
      {"not",       "no",        "never",    "without",  "none",      "nobody",     "nothing",
       "neither",   "nor",       "cannot",   "isnt",     "arent",     "dont",       "doesnt",
       "didnt",     "wont",      "cant",     "wasnt",    "werent",    "hasnt",      "havent",
       "hadnt",     "couldnt",   "wouldnt",  "shouldnt", "refuse",    "refuses",    "refused",
       "decline",   "declines",  "declined", "fail",     "fails",     "failed",     "lack",
       "lacks",     "deny",      "denies",   "denied",   "unable",    "except",     "instead",
       "unless",    "hardly",    "rarely",   "seldom",   "cancelled", "canceled",   "nowhere",
       "postponed", "withdrawn", "avoids",   "avoid",    "allegedly", "supposedly", "prevents",
       "forbids",   "forbidden"});
  if (is_one_of(tokens[i].folded, kDenials)) return true;
  const std::string_view next =
      i + 1 < tokens.size() ? std::string_view(tokens[i + 1].folded) : std::string_view();
  return (tokens[i].folded == "other" && next == "than") ||
         (tokens[i].folded == "rather" && next == "than") ||
         ((tokens[i].folded == "anywhere" || tokens[i].folded == "anything" ||
           tokens[i].folded == "anyone" || tokens[i].folded == "anybody") &&
          next == "but") ||
         ((tokens[i].folded == "someone" || tokens[i].folded == "somewhere" ||
           tokens[i].folded == "somebody" || tokens[i].folded == "something") &&
          next == "else");
}

bool is_relation(std::string_view folded) {
  static constexpr auto kRelations = std::to_array<std::string_view>(
      {"before", "after", "earlier", "later",    "first", "last",   "only",   "all",   "every",
       "most",   "least", "more",    "less",     "fewer", "than",   "always", "same",  "both",
       "until",  "since", "except",  "instead",  "half",  "double", "twice",  "under", "over",
       "above",  "below", "largest", "smallest", "best",  "worst",  "again"});
  return is_one_of(folded, kRelations);
}

bool is_pronoun(std::string_view folded) {
  static constexpr auto kPronouns = std::to_array<std::string_view>(
      {"it", "its", "he", "him", "his", "she", "her", "they", "them", "their", "this", "these"});
  return is_one_of(folded, kPronouns);
}

std::optional<DayPart> day_part_of(std::string_view folded) {
  if (folded == "morning") return DayPart{0, 12 * 60};
  if (folded == "afternoon") return DayPart{12 * 60, 18 * 60};
  if (folded == "evening") return DayPart{17 * 60, 24 * 60};
  if (folded == "night" || folded == "tonight") return DayPart{18 * 60, 24 * 60};
  return std::nullopt;
}

std::vector<Counted> counted_in(std::string_view text, const std::vector<Token>& tokens,
                                const std::vector<Fact>& facts,
                                const std::vector<Quantity>& quantities) {
  const auto joined = [&](std::size_t i) {
    const std::string_view gap = text.substr(tokens[i].end, tokens[i + 1].begin - tokens[i].end);
    return gap == " " || gap == "-";
  };
  // "2026 places": the year of a date counts nothing, and this does.
  const auto counts = [&](const Fact& fact) {
    if (fact.kind == FactKind::kNumber) return true;
    if (fact.kind != FactKind::kYear || fact.token_end >= tokens.size()) return false;
    const Token& next = tokens[fact.token_end];
    const bool plural = next.folded.ends_with('s') && !next.folded.ends_with("ss");
    return joined(fact.token_end - 1) && plural && is_counted_content(next);
  };
  std::vector<Counted> found;
  for (const Fact& fact : facts) {
    if (!counts(fact)) continue;
    const bool measured = std::ranges::any_of(quantities, [&](const Quantity& one) {
      return one.token_begin <= fact.token_begin && fact.token_begin < one.token_end;
    });
    if (measured) continue;
    Counted counted{.number = fact.normal, .after = {}, .before = {}, .label = false};
    for (std::size_t i = fact.token_end; i < tokens.size() && counted.after.size() < 2; ++i) {
      if (!joined(i - 1) || !is_counted_content(tokens[i])) break;
      counted.after.push_back(tokens[i].stem);
    }
    for (std::size_t i = fact.token_begin; i > 0 && counted.before.size() < 4; --i) {
      if (!joined(i - 1)) break;
      if (!is_function_word(tokens[i - 1].folded)) counted.before.push_back(tokens[i - 1].stem);
    }
    const std::size_t first = fact.token_begin;
    counted.label = first > 0 && tokens[first - 1].capital && joined(first - 1) &&
                    !is_function_word(tokens[first - 1].folded) && is_ascii_digit(text[fact.begin]);
    found.push_back(std::move(counted));
  }
  return found;
}

bool counts_same(const Counted& said, const Counted& source) {
  if (said.number != source.number) return false;
  if (said.label) return !source.before.empty() && source.before.front() == said.before.front();
  if (!said.after.empty()) {
    return shares(said.after, source.after.empty() ? source.before : source.after);
  }
  return said.before.empty() || shares(said.before, source.before) ||
         shares(said.before, source.after);
}

}  // namespace rage::rag
