#include "rag/plan_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "rag/amount.h"

namespace rage::rag {
namespace {

constexpr std::size_t kConstraintsMax = 32;
constexpr std::size_t kFeatureRecords = 5;

std::string_view sign_of(NumberRelation relation) {
  switch (relation) {
    case NumberRelation::kLess:
      return "<";
    case NumberRelation::kMore:
      return ">";
    case NumberRelation::kAtMost:
      return "<=";
    case NumberRelation::kAtLeast:
      return ">=";
  }
  return {};
}

std::string_view word_of(TimeRelation relation) {
  switch (relation) {
    case TimeRelation::kStarts:
      return "starts at";
    case TimeRelation::kAt:
      return "at";
    case TimeRelation::kAfter:
      return "after";
    case TimeRelation::kBefore:
      return "before";
    case TimeRelation::kEnds:
      return "ends at";
  }
  return {};
}

std::string numeric_date(const Date& date) {
  return fmt::format("{:04}-{:02}-{:02}", date.year, date.month, date.day);
}

void add_when(const Query& query, std::vector<std::string>& out) {
  for (const std::string& day : query.weekdays) out.push_back("day: " + day);
  for (const Date& date : query.dates) out.push_back("date: " + numeric_date(date));
  for (const TimeConstraint& time : query.times)
    out.push_back(fmt::format("time: {} {}", word_of(time.relation), render_time(time.minutes)));
  if (query.day_part) {
    out.push_back(fmt::format("time: from {} to {}", render_time(query.day_part->begin),
                              render_time(query.day_part->end)));
  }
  for (const DateRange& range : query.date_ranges) {
    out.push_back(
        fmt::format("date: from {} to {}", numeric_date(range.begin), numeric_date(range.end)));
  }
}

std::string why_cut(const Query& query, const CorpusIndex& corpus, RecordId id) {
  if (!satisfies(query, corpus, id)) return "does not satisfy the constraints";
  const Coverage coverage = cover(query, corpus, id);
  if (coverage.names_missing) return "lacks a name or number of the question";
  if (!query.content.empty() && coverage.anywhere < 0.75) {
    return fmt::format("has {:.0f} % of the question's words by weight", coverage.anywhere * 100);
  }
  return "others fit better";
}

// Of the rare words: few records have them, or none.
double rare_coverage(const Query& query, const CorpusIndex& corpus, RecordId id) {
  const std::size_t rare_max = std::max<std::size_t>(2, corpus.records().size() / 50);
  double all = 0;
  double found = 0;
  for (const std::size_t i : query.content) {
    const std::string& stem = query.tokens[i].stem;
    if (corpus.postings(stem).size() > rare_max) continue;
    all += corpus.idf(stem);
    if (corpus.places_of(id, stem) != 0) found += corpus.idf(stem);
  }
  return all > 0 ? found / all : 1;
}

}  // namespace

std::string_view finding_name(Finding finding) {
  switch (finding) {
    case Finding::kRecords:
      return "records";
    case Finding::kCompare:
      return "comparison";
    case Finding::kPassage:
      return "passage";
    case Finding::kAbsent:
      return "absent";
    case Finding::kNoMatch:
      return "no match";
    case Finding::kNoPassage:
      return "no passage";
    case Finding::kNotFound:
      return "not found";
  }
  return {};
}

std::vector<std::string> describe_constraints(const Query& query, const CorpusIndex& corpus) {
  std::vector<std::string> out;
  add_when(query, out);
  for (const std::uint32_t id : query.persons)
    out.push_back("person: " + corpus.facets()[id].value);
  for (const std::uint32_t id : query.places) out.push_back("place: " + corpus.facets()[id].value);
  for (const CategoryMention& mention : query.categories) {
    const Facet& facet = corpus.facets()[mention.facets.front()];
    out.push_back(corpus.schema()[facet.field].key + ": " + facet.value);
  }
  for (const NumberConstraint& number : query.numbers) {
    out.push_back(fmt::format("{} {} {}{}{}", corpus.schema()[number.field].key,
                              sign_of(number.relation), number.limit.value,
                              number.limit.unit.empty() ? "" : " ", number.limit.unit));
  }
  for (const TitleMention& mention : query.titles) {
    for (const RecordId id : mention.records) out.push_back("title: " + corpus.records()[id].title);
  }
  for (const std::string& name : query.absent) out.push_back("not in the index: " + name);
  if (out.size() > kConstraintsMax) out.resize(kConstraintsMax);
  return out;
}

std::vector<Candidate> describe_candidates(const std::vector<RetrievedChunk>& retrieved,
                                           const Query& query, const CorpusIndex& corpus,
                                           const std::vector<RecordId>& used) {
  std::vector<Candidate> candidates;
  const Evidence evidence = collect_evidence(retrieved, corpus);
  for (const RetrievedChunk& hit : retrieved) {
    const auto id = corpus.find_document(hit.chunk.doc_id);
    const bool seen = std::ranges::any_of(
        candidates, [&](const Candidate& one) { return one.doc_id == hit.chunk.doc_id; });
    if (!id || seen) continue;
    const Record& record = corpus.records()[*id];
    const RetrievalScores& scores = evidence.at(*id);
    Candidate one{.doc_id = record.doc_id,
                  .title = record.title,
                  .url = record.url,
                  .score = scores.score,
                  .dense = scores.dense,
                  .sparse = scores.sparse};
    one.used = std::ranges::find(used, *id) != used.end();
    one.why = one.used ? "used" : why_cut(query, corpus, *id);
    candidates.push_back(std::move(one));
  }
  return candidates;
}

SufficiencyFeatures read_features(const Query& query, const CorpusIndex& corpus,
                                  const Evidence& evidence, const std::vector<RecordId>& best,
                                  double resolved) {
  SufficiencyFeatures features;
  std::vector<std::pair<float, RecordId>> near;
  for (const auto& [id, scores] : evidence) near.emplace_back(scores.dense.value_or(0.0F), id);
  std::ranges::sort(near, std::ranges::greater{});
  if (!near.empty()) features.nearest = near[0].first;
  if (near.size() > 1) features.margin = near[0].first - near[1].first;
  std::vector<RecordId> read = best;
  for (std::size_t i = 0; best.empty() && i < near.size() && i < kFeatureRecords; ++i)
    read.push_back(near[i].second);
  if (read.size() > kFeatureRecords) read.resize(kFeatureRecords);
  double satisfied = 0;
  double covered = 0;
  double rare = 0;
  for (const RecordId id : read) {
    const double own = query.content.empty() ? 1 : cover(query, corpus, id).anywhere;
    if (own > covered || rare == 0) rare = std::max(rare, rare_coverage(query, corpus, id));
    covered = std::max(covered, own);
    if (satisfies(query, corpus, id)) satisfied = 1;
  }
  features.coverage = read.empty() ? 0 : covered;
  features.rare = read.empty() ? 0 : rare;
  features.constraints =
      read.empty() && describe_constraints(query, corpus).empty() ? 1 : satisfied;
  features.absent = query.absent.empty() ? 0 : 1;
  features.resolved = resolved;
  return features;
}

}  // namespace rage::rag
