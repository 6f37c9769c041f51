#include "rag/source_spans.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "base/strings.h"
#include "rag/question_words.h"
#include "rag/untrusted.h"
#include "rag/verify.h"
#include "rag/verify_sentence.h"
#include "text/sentences.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

constexpr std::size_t kChunksRead = 16;        // Of one document.
constexpr std::size_t kSentencesOfChunk = 64;  // A chunk has some twenty.
constexpr double kFact = 3;                    // As many words count as one fact or name.
constexpr double kGainMin = 2;                 // What a further sentence must add.
constexpr double kTitleShare = 0.7;            // Of a title's words.

// One thing that a statement says.
struct Claim {
  std::string fact;                // As TextFacts::facts; else
  std::string name;                // folded, between spaces; else
  std::vector<std::string> title;  // stems; else
  std::string stem;
  double weight() const { return stem.empty() ? kFact : 1; }
};

std::vector<Claim> claims_of(const ReadSentence& said) {
  std::vector<Claim> claims;
  for (const Fact& fact : said.facts)
    claims.push_back({.fact = fact_key(fact), .name = {}, .title = {}, .stem = {}});
  for (const Quantity& one : said.quantities)
    claims.push_back({.fact = "q:" + one.normal, .name = {}, .title = {}, .stem = {}});
  for (NameSpan name : said.names) {
    // "Ballroom F. The talk": the full stop after an initial ends no name.
    while (name.token_end > name.token_begin + 1 &&
           is_function_word(said.tokens[name.token_end - 1].folded))
      --name.token_end;
    claims.push_back({.fact = {}, .name = said.words_of(name), .title = {}, .stem = {}});
  }
  for (const TitleMention& mention : said.titles) {
    Claim claim;
    for (std::size_t i = mention.token_begin; i < mention.token_end; ++i) {
      if (!is_function_word(said.tokens[i].folded)) claim.title.push_back(said.tokens[i].stem);
    }
    if (!claim.title.empty()) claims.push_back(std::move(claim));
  }
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < said.tokens.size(); ++i) {
    const Token& token = said.tokens[i];
    if (said.used[i] || is_function_word(token.folded) || is_structure_word(token.folded)) continue;
    if (seen.insert(token.stem).second)
      claims.push_back({.fact = {}, .name = {}, .title = {}, .stem = token.stem});
  }
  return claims;
}

bool says(const TextFacts& text, const Claim& claim) {
  if (!claim.fact.empty()) return text.facts.contains(claim.fact);
  if (!claim.name.empty()) return text.words.find(claim.name) != std::string::npos;
  if (!claim.stem.empty()) return text.stems.contains(claim.stem);
  const auto found = std::ranges::count_if(
      claim.title, [&](const std::string& stem) { return text.stems.contains(stem); });
  return static_cast<double>(found) >= kTitleShare * static_cast<double>(claim.title.size());
}

// A sentence of the document that may be shown as evidence.
struct SentencePlace {
  std::size_t begin = 0;  // Code points of the document.
  std::size_t end = 0;
  std::vector<bool> says;  // One a claim.
  bool order = false;      // An instruction: data, but no evidence.
};

void read_chunk(const Chunk& chunk, const std::vector<Claim>& claims,
                std::vector<SentencePlace>& places) {
  std::size_t at = 0;
  std::size_t points = chunk.begin;
  std::size_t read = 0;
  for (const text::TextSpan& span : text::split_sentences(chunk.text)) {
    if (++read > kSentencesOfChunk) return;
    const std::string_view sentence = span.of(chunk.text);
    points += text::count_code_points(std::string_view(chunk.text).substr(at, span.begin - at));
    SentencePlace place{
        .begin = points, .end = points + text::count_code_points(sentence), .says = {}};
    points = place.end;
    at = span.end;
    const TextFacts facts = read_text(sentence);
    for (const Claim& claim : claims) place.says.push_back(says(facts, claim));
    if (std::ranges::find(place.says, true) == place.says.end()) continue;
    place.order = is_instruction(sentence);
    if (!place.order) places.push_back(std::move(place));
  }
}

// What the claims that `open` still has weigh in this place.
double gain(const SentencePlace& place, const std::vector<Claim>& claims,
            const std::vector<bool>& open) {
  double sum = 0;
  for (std::size_t i = 0; i < claims.size(); ++i)
    sum += open[i] && place.says[i] ? claims[i].weight() : 0;
  return sum;
}

// Greedily the place that adds most, the earliest of equals.
void choose(const std::vector<SentencePlace>& places, const std::vector<Claim>& claims,
            std::vector<bool>& open, std::vector<SentencePlace>& chosen) {
  while (chosen.size() < kSpansMax) {
    const SentencePlace* best = nullptr;
    double most = 0;
    for (const SentencePlace& place : places) {
      const double sum = gain(place, claims, open);
      if (sum > most) {
        most = sum;
        best = &place;
      }
    }
    if (best == nullptr || (!chosen.empty() && most < kGainMin)) return;
    for (std::size_t i = 0; i < claims.size(); ++i) open[i] = open[i] && !best->says[i];
    chosen.push_back(*best);
  }
}

bool lacks_fact(const std::vector<Claim>& claims, const std::vector<bool>& open) {
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (open[i] && claims[i].stem.empty()) return true;
  }
  return false;
}

}  // namespace

std::vector<SourceSpan> find_spans(std::string_view statement, const Chunk& cited,
                                   const CorpusIndex& corpus) {
  const std::vector<Claim> claims = claims_of(read_sentence(statement, corpus));
  std::vector<bool> open(claims.size(), true);
  std::vector<SentencePlace> chosen;
  std::vector<SentencePlace> places;
  read_chunk(cited, claims, places);
  choose(places, claims, open, chosen);
  if (const auto id = corpus.find_document(cited.doc_id); id && lacks_fact(claims, open)) {
    places.clear();
    const auto& chunks = corpus.records()[*id].chunks;
    for (std::size_t i = 0; i < chunks.size() && i < kChunksRead; ++i) {
      if (chunks[i].node_id != cited.node_id) read_chunk(chunks[i], claims, places);
    }
    choose(places, claims, open, chosen);
  }
  std::ranges::sort(chosen, {}, &SentencePlace::begin);
  std::vector<SourceSpan> spans;
  for (const SentencePlace& place : chosen) {
    // Between two neighbours there is a space.
    const bool joined = !spans.empty() && place.begin <= spans.back().end + 1;
    if (joined) {
      spans.back().end = std::max(spans.back().end, place.end);
    } else {
      spans.push_back({.doc_id = cited.doc_id, .begin = place.begin, .end = place.end});
    }
  }
  return spans;
}

namespace {

constexpr std::size_t kStatementsMax = 200;

// "[12]" at `at`: its number and its length; 0 if there is none that the plan knows.
struct Mark {
  std::size_t number = 0;
  std::size_t length = 0;
};
Mark mark_at(std::string_view text, std::size_t at, std::size_t citations) {
  if (at >= text.size() || text[at] != '[') return {};
  std::size_t number = 0;
  std::size_t end = at + 1;
  while (end < text.size() && end < at + 4 && is_ascii_digit(text[end]))
    number = number * 10 + static_cast<std::size_t>(text[end++] - '0');
  const bool whole = end > at + 1 && end < text.size() && text[end] == ']';
  if (!whole || number == 0 || number > citations) return {};
  return {.number = number, .length = end + 1 - at};
}

// Without a list marker, and without what joins it to the statement before.
std::string_view bare_statement(std::string_view text) {
  text = trim(text);
  while (!text.empty() && (text[0] == ',' || text[0] == '.' || text[0] == ';'))
    text = trim(text.substr(1));
  if (text.starts_with("- ")) text = trim(text.substr(2));
  return text;
}

}  // namespace

std::vector<SentenceReport> report_composed(const AnswerPlan& plan, const Corpus& corpus) {
  std::vector<SentenceReport> reports;
  const auto* index = dynamic_cast<const CorpusIndex*>(&corpus);
  if (index == nullptr || plan.kind == PlanKind::kAbstain) return reports;
  const std::string_view answer = plan.answer;
  const std::size_t known = std::min(plan.citations.size(), plan.sources.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < answer.size() && reports.size() < kStatementsMax; ++i) {
    if (answer[i] == '\n') begin = i + 1;  // A heading states nothing that is cited.
    const Mark mark = mark_at(answer, i, known);
    if (mark.number == 0) continue;
    const std::string_view statement = bare_statement(answer.substr(begin, i - begin));
    begin = i + mark.length;
    const Chunk& cited = plan.sources[mark.number - 1].chunk;
    const bool again = statement.empty() && !reports.empty();  // "[1] [2]"
    SentenceReport& report = again ? reports.back() : reports.emplace_back();
    if (!again) report.sentence = statement;
    report.verdict = Verdict::kSupported;
    report.shown = true;
    report.citations.push_back(mark.number);
    for (SourceSpan& span : find_spans(report.sentence, cited, *index))
      report.spans.push_back(std::move(span));
    i = begin - 1;
  }
  return reports;
}

}  // namespace rage::rag
