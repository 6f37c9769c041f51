#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>

#include "base/strings.h"
#include "rag/question.h"
#include "rag/question_words.h"

namespace rage::rag {
namespace {

constexpr std::size_t kCandidatesMax = 4000;  // Titles compared for one question.
constexpr double kNumberWeight = 100;         // Nothing else is meant.

bool is_title_content(const Token& token) {
  return !is_function_word(token.folded);
}

double weight_of(const std::vector<Token>& tokens, std::size_t begin, std::size_t end,
                 const CorpusIndex& corpus) {
  double weight = 0;
  for (std::size_t i = begin; i < end; ++i) {
    if (is_title_content(tokens[i])) weight += corpus.idf(tokens[i].stem);
  }
  return weight;
}

// Where the part before the colon ends; the whole title if there is none.
std::size_t main_title_end(const Record& record) {
  const std::size_t colon = record.title.find(": ");
  if (colon == std::string::npos) return record.title_tokens.size();
  std::size_t end = 0;
  while (end < record.title_tokens.size() && record.title_tokens[end].begin < colon) ++end;
  return end;
}

struct Run {
  std::size_t question_begin = 0;
  std::size_t title_begin = 0;
  std::size_t length = 0;
};

// Longest run of equal stems (by weight), dynamic programming over both texts.
Run best_run(const std::vector<Token>& question, std::span<const Token> title,
             const CorpusIndex& corpus) {
  std::vector<std::size_t> above(title.size() + 1, 0);
  std::vector<std::size_t> row(title.size() + 1, 0);
  Run best;
  double best_weight = 0;
  for (std::size_t i = 0; i < question.size(); ++i) {
    for (std::size_t j = 0; j < title.size(); ++j) {
      row[j + 1] = question[i].stem == title[j].stem ? above[j] + 1 : 0;
      if (row[j + 1] == 0) continue;
      const Run run{i + 1 - row[j + 1], j + 1 - row[j + 1], row[j + 1]};
      const double weight = weight_of(question, run.question_begin, i + 1, corpus);
      if (weight > best_weight || (weight == best_weight && run.length > best.length)) {
        best_weight = weight;
        best = run;
      }
    }
    std::swap(above, row);
    std::ranges::fill(row, 0);
  }
  return best;
}

bool is_only_category(const std::vector<Token>& tokens, std::size_t begin, std::size_t end,
                      const CorpusIndex& corpus) {
  for (std::size_t i = begin; i < end; ++i) {
    if (!is_title_content(tokens[i]) || is_record_noun(tokens[i].folded)) continue;
    bool category = false;
    for (const std::uint32_t id : corpus.facets_with(tokens[i].folded)) {
      category = category || corpus.facets()[id].role == FieldRole::kCategory;
    }
    if (!category) return false;
  }
  return true;
}

std::vector<RecordId> candidates(const std::vector<Token>& tokens, const CorpusIndex& corpus) {
  std::vector<RecordId> ids;
  for (const Token& token : tokens) {
    if (!is_title_content(token)) continue;
    for (const Posting& posting : corpus.postings(token.stem)) {
      if ((posting.places & kInTitle) != 0 && ids.size() < kCandidatesMax)
        ids.push_back(posting.record);
    }
  }
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool has_letter_and_digit(std::string_view value) {
  return std::ranges::any_of(value, is_ascii_digit) && std::ranges::any_of(value, is_ascii_alpha) &&
         value.find(' ') == std::string_view::npos && value.size() >= 4 && value.size() <= 40;
}

// "OR-608": the number under which a record is listed names it as its title does.
std::vector<TitleMention> find_numbers(const std::vector<Token>& tokens,
                                       const CorpusIndex& corpus) {
  std::vector<TitleMention> found;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    for (const Posting& posting : corpus.postings(tokens[i].stem)) {
      for (const FieldValue& other : corpus.records()[posting.record].others) {
        if (!has_letter_and_digit(other.value)) continue;
        const auto parts = tokenize(other.value);
        if (parts.empty() || parts.front().folded != tokens[i].folded) continue;
        const bool all = i + parts.size() <= tokens.size() &&
                         std::ranges::equal(parts, std::span(tokens).subspan(i, parts.size()), {},
                                            &Token::folded, &Token::folded);
        if (all && found.size() < kCandidatesMax)
          found.push_back({i, i + parts.size(), kNumberWeight, 1, {posting.record}});
      }
    }
  }
  return found;
}

// The words of the question that are this record's title, or enough of it.
std::optional<TitleMention> find_title(const std::vector<Token>& tokens,
                                       std::span<const Token> part, RecordId id,
                                       const CorpusIndex& corpus) {
  const Record& record = corpus.records()[id];
  const Run run = best_run(tokens, part, corpus);
  const std::size_t end = run.question_begin + run.length;
  const double weight = weight_of(tokens, run.question_begin, end, corpus);
  if (weight <= 0 || is_only_category(tokens, run.question_begin, end, corpus)) return std::nullopt;
  const std::size_t main_end = main_title_end(record);
  const double whole = weight_of(record.title_tokens, 0, record.title_tokens.size(), corpus);
  const double main = weight_of(record.title_tokens, 0, main_end, corpus);
  const double in_main = weight_of(record.title_tokens, run.title_begin,
                                   std::min(main_end, run.title_begin + run.length), corpus);
  const double coverage = std::max(whole > 0 ? weight / whole : 0, main > 0 ? in_main / main : 0);
  std::size_t content = 0;
  for (std::size_t i = run.question_begin; i < end; ++i)
    content += is_title_content(tokens[i]) ? 1 : 0;
  const bool strong =
      coverage > 0.99 || (content >= 2 && coverage >= 0.5) || (content >= 3 && coverage >= 0.34);
  if (!strong) return std::nullopt;
  return TitleMention{run.question_begin, end, weight, coverage, {id}};
}

}  // namespace

std::vector<TitleMention> find_titles(const std::vector<Token>& tokens, const CorpusIndex& corpus) {
  std::vector<TitleMention> found = find_numbers(tokens, corpus);
  for (const RecordId id : candidates(tokens, corpus)) {
    const std::span<const Token> title = corpus.records()[id].title_tokens;
    auto mention = find_title(tokens, title, id, corpus);
    // "OpenSearch: A" and "OpenSearch: B": words of B must not hide that both are OpenSearch.
    if (!mention) {
      const std::size_t main = main_title_end(corpus.records()[id]);
      if (main < title.size()) mention = find_title(tokens, title.first(main), id, corpus);
    }
    if (mention) found.push_back(*std::move(mention));
  }
  std::ranges::sort(found, [](const TitleMention& a, const TitleMention& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    if (a.coverage != b.coverage) return a.coverage > b.coverage;
    // "Larch Two" says more than "Larch" of "Larch One".
    const std::size_t a_length = a.token_end - a.token_begin;
    const std::size_t b_length = b.token_end - b.token_begin;
    return a_length != b_length ? a_length > b_length : a.records < b.records;
  });
  std::vector<TitleMention> kept;
  for (TitleMention& mention : found) {
    bool take = true;
    for (TitleMention& other : kept) {
      if (mention.token_begin >= other.token_end || mention.token_end <= other.token_begin)
        continue;
      take = false;
      // The same words in another title: an ambiguity, unless one title is said in full.
      const bool same =
          mention.token_begin == other.token_begin && mention.token_end == other.token_end;
      if (same && mention.coverage + 0.3 >= other.coverage)
        other.records.push_back(mention.records.front());
      break;
    }
    if (take) kept.push_back(std::move(mention));
  }
  return kept;
}

}  // namespace rage::rag
