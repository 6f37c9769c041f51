#include "rag/compose_prose.h"

#include <fmt/format.h>

#include <algorithm>

#include "rag/question_passage.h"
#include "rag/question_words.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr double kCoverageSure = 0.6;  // Of the question's content words, by idf, in one sentence.
constexpr double kCoverageSupport = 0.4;  // For a second sentence beside the first.
constexpr float kDenseSufficient = 0.45F;
constexpr std::size_t kSentences = 3;
constexpr std::size_t kAnswerBytesMax = 800;
constexpr std::size_t kRecordsRead = 12;

bool has_word(const Query& query, std::string_view folded) {
  return std::ranges::any_of(query.tokens,
                             [&](const Token& token) { return token.folded == folded; });
}

}  // namespace

bool has_answer_type(const Query& query, const std::string& sentence) {
  const auto tokens = tokenize(sentence);
  const auto facts = extract_facts(sentence, tokens);
  const auto has_kind = [&](std::initializer_list<FactKind> kinds) {
    return std::ranges::any_of(facts, [&](const Fact& fact) {
      return std::ranges::find(kinds, fact.kind) != kinds.end();
    });
  };
  if (query.wants_money && !has_kind({FactKind::kMoney})) return false;
  if (query.wants_number && !has_kind({FactKind::kNumber, FactKind::kPercent, FactKind::kMoney}))
    return false;
  const bool when = has_word(query, "when") || query.asks(kAskedTime | kAskedDay);
  if (when && !has_kind({FactKind::kDate, FactKind::kTime, FactKind::kWeekday, FactKind::kYear}))
    return false;
  if (!has_word(query, "who")) return true;
  return std::ranges::any_of(extract_names(sentence, tokens), [&](const NameSpan& span) {
    const bool asked = std::ranges::any_of(query.tokens, [&](const Token& token) {
      return token.folded == tokens[span.token_begin].folded;
    });
    return !asked && (span.token_begin > 0 || span.token_end - span.token_begin > 1);
  });
}

ProseAnswer compose_prose(const Query& query, const CorpusIndex& corpus, const Evidence& evidence,
                          const std::vector<RecordId>& ranked) {
  ProseAnswer answer;
  answer.composed.kind = PlanKind::kAbstain;
  answer.composed.text = "The indexed documents do not answer this question.";
  if (!query.absent.empty()) {
    answer.composed.text = fmt::format("The indexed documents do not mention “{}”.",
                                       text::take_code_points(query.absent.front(), 80));
    return answer;
  }
  if (query.content.empty() && query.titles.empty()) return answer;
  std::vector<RecordId> read(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                  ranked.size(), kRecordsRead)));
  float dense = 0;
  for (const RecordId id : read) {
    const auto found = evidence.find(id);
    if (found != evidence.end() && found->second.dense)
      dense = std::max(dense, *found->second.dense);
  }
  std::vector<Passage> passages = find_passages(query, corpus, read, 12);
  std::erase_if(passages,
                [&](const Passage& passage) { return !has_answer_type(query, passage.text); });
  const double best = passages.empty() ? 0 : passages.front().coverage;
  answer.complete = best >= kCoverageSure;
  answer.sufficient = answer.complete || (dense >= kDenseSufficient && best >= kCoverageSupport);
  if (!answer.sufficient) return answer;
  Composed& composed = answer.composed;
  composed.kind = PlanKind::kComposed;
  composed.text.clear();
  for (std::size_t i = 0; i < passages.size() && i < kSentences; ++i) {
    const Passage& passage = passages[i];
    if (i > 0 && (passage.coverage < kCoverageSupport ||
                  composed.text.size() + passage.text.size() > kAnswerBytesMax))
      break;
    if (composed.text.find(passage.text) != std::string::npos) continue;
    auto cited = std::ranges::find(composed.cited, passage.record);
    if (cited == composed.cited.end()) cited = composed.cited.insert(cited, passage.record);
    composed.text += fmt::format("{}{} [{}]", i > 0 ? " " : "", passage.text,
                                 cited - composed.cited.begin() + 1);
  }
  return answer;
}

}  // namespace rage::rag
