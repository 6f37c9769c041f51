#include "cli/eval_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/strings.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kFailuresShown = 40;
constexpr std::size_t kRiskPointsShown = 10;

// The figures of a report by name: what the table, JSON and comparisons agree on.
struct Figure {
  std::string_view key;
  std::string_view words;
  Share EvalReport::* share;
  bool less_is_better = false;
};

constexpr std::array<Figure, 8> kFigures = {{
    {"right", "right", &EvalReport::right},
    {"answerableRight", "answerable right", &EvalReport::answerable_right},
    {"wrongFacts", "wrong facts shown", &EvalReport::wrong_facts, true},
    {"answerableDeclined", "answerable declined", &EvalReport::answerable_declined, true},
    {"refusalPrecision", "refusal precision", &EvalReport::refusal_precision},
    {"refusalRecall", "refusal recall", &EvalReport::refusal_recall},
    {"citationPrecision", "citation precision", &EvalReport::citation_precision},
    {"citationRecall", "citation recall", &EvalReport::citation_recall},
}};

void count(Share& share, bool part) {
  share.part += part ? 1 : 0;
  share.whole += 1;
}

Json rounded(std::optional<double> value) {
  if (!value) return nullptr;
  return std::round(*value * 1e4) / 1e4;
}

std::string percent(std::optional<double> value) {
  return value ? fmt::format("{:.1f} %", *value * 100) : "-";
}

Json source_json(const EvalSource& source) {
  Json json = {{"title", source.title}, {"url", source.url}};
  json["number"] = source.number > 0 ? Json(source.number) : Json(nullptr);
  json["score"] = source.score ? Json(*source.score) : Json(nullptr);
  return json;
}

Json candidate_json(const EvalCandidate& one) {
  return {{"title", one.title},
          {"url", one.url},
          {"score", one.score},
          {"dense", one.dense ? Json(*one.dense) : Json(nullptr)},
          {"sparse", one.sparse ? Json(*one.sparse) : Json(nullptr)},
          {"used", one.used},
          {"why", one.why}};
}

Json row_json(const EvalRow& row) {
  Json sources = Json::array();
  for (const EvalSource& source : row.reply.sources) sources.push_back(source_json(source));
  Json sentences = Json::array();
  for (const EvalSentence& sentence : row.reply.sentences) {
    sentences.push_back(
        {{"text", sentence.text}, {"supported", sentence.supported}, {"reason", sentence.reason}});
  }
  Json candidates = Json::array();
  for (const EvalCandidate& one : row.reply.candidates) candidates.push_back(candidate_json(one));
  return {{"id", row.question.id},
          {"type", row.question.type},
          {"question", row.question.question},
          {"answerable", row.question.answerable},
          {"answer", row.reply.answer},
          {"right", row.grade.right},
          {"declined", row.grade.declined},
          {"wrongFact", row.grade.wrong_fact},
          {"why", row.grade.why},
          {"mode", row.reply.mode},
          {"sufficiency", row.reply.sufficiency ? Json(*row.reply.sufficiency) : Json(nullptr)},
          {"latencyMs", std::round(row.reply.latency_ms * 10) / 10},
          {"ndcg10", rounded(row.ndcg10)},
          {"finding", row.reply.finding},
          {"features", row.reply.features},
          {"sources", std::move(sources)},
          {"candidates", std::move(candidates)},
          {"sentences", std::move(sentences)}};
}

std::optional<double> mean_ndcg(const std::vector<EvalRow>& rows) {
  double sum = 0;
  std::size_t count = 0;
  for (const EvalRow& row : rows) {
    if (!row.ndcg10) continue;
    sum += *row.ndcg10;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

std::string risk_lines(const std::vector<RiskPoint>& points) {
  std::string text = "\nanswered if sufficiency is at least / answered / of these not right\n";
  const std::size_t step = std::max<std::size_t>(1, points.size() / kRiskPointsShown);
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i % step != 0 && i + 1 != points.size()) continue;
    text += fmt::format("  {:.3f}  {:>7}  {:>7}\n", points[i].sufficiency,
                        percent(points[i].coverage), percent(points[i].risk));
  }
  return text;
}

std::optional<double> figure_of(const Json& report, std::string_view key) {
  const Json* value = codec::find_key(report, key);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->get<double>();
}

// Right or not by id; empty if it is no report.
std::map<std::string, bool> verdicts(const Json& report) {
  std::map<std::string, bool> all;
  const Json* results = codec::find_key(report, "results");
  if (results == nullptr || !results->is_array()) return all;
  for (const Json& row : *results) {
    const Json* right = codec::find_key(row, "right");
    const std::string id = codec::string_or(row, "id", "");
    if (!id.empty() && right != nullptr && right->is_boolean()) all[id] = right->get<bool>();
  }
  return all;
}

bool is_worse(const Figure& figure, const EvalChange& change, double tolerance) {
  if (!change.before || !change.now) return false;  // Nothing was declined or cited: no figure.
  const double rise = *change.now - *change.before;
  return (figure.less_is_better ? rise : -rise) > tolerance + 1e-9;
}

}  // namespace

std::optional<double> Share::value() const {
  if (whole == 0) return std::nullopt;
  return static_cast<double>(part) / static_cast<double>(whole);
}

double percentile(std::vector<double> latencies, double share) {
  if (latencies.empty()) return 0;
  std::ranges::sort(latencies);
  const double rank = std::ceil(share * static_cast<double>(latencies.size()));
  const auto at = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return latencies[std::min(at, latencies.size() - 1)];
}

double ndcg_at_10(const std::vector<std::string>& ranking,
                  const std::map<std::string, double>& qrels) {
  constexpr std::size_t kDepth = 10;
  const auto discounted = [](const std::vector<double>& gains) {
    double sum = 0;
    for (std::size_t i = 0; i < gains.size() && i < kDepth; ++i)
      sum += gains[i] / std::log2(static_cast<double>(i) + 2);
    return sum;
  };
  std::vector<double> found;
  for (const std::string& url : ranking) {
    const auto relevance = qrels.find(url);
    found.push_back(relevance == qrels.end() ? 0 : relevance->second);
  }
  std::vector<double> ideal;
  for (const auto& [url, relevance] : qrels) ideal.push_back(relevance);
  std::ranges::sort(ideal, std::ranges::greater{});
  const double best = discounted(ideal);
  return best > 0 ? discounted(found) / best : 0;
}

std::vector<RiskPoint> risk_coverage(const std::vector<EvalRow>& rows) {
  std::vector<const EvalRow*> order;
  for (const EvalRow& row : rows) {
    if (!row.reply.sufficiency) return {};
    order.push_back(&row);
  }
  std::ranges::sort(order, {},
                    [](const EvalRow* row) { return std::pair(-*row->reply.sufficiency, row); });
  std::vector<RiskPoint> points;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    failed += order[i]->grade.right ? 0 : 1;
    const double own = *order[i]->reply.sufficiency;
    if (i + 1 < order.size() && *order[i + 1]->reply.sufficiency == own) continue;
    const auto given = static_cast<double>(i + 1);
    points.push_back({.sufficiency = own,
                      .coverage = given / static_cast<double>(order.size()),
                      .risk = static_cast<double>(failed) / given});
  }
  return points;
}

EvalReport summarize(const std::vector<EvalRow>& rows) {
  EvalReport report;
  std::vector<double> latencies;
  for (const EvalRow& row : rows) {
    const Grade& grade = row.grade;
    // "Room 5; the sources do not say when" is no refusal if it is what was asked for.
    const bool declined = grade.declined && !(row.question.answerable && grade.right);
    count(report.right, grade.right);
    count(report.wrong_facts, grade.wrong_fact);
    count(report.by_type[row.question.type], grade.right);
    if (row.question.answerable) {
      count(report.answerable_right, grade.right);
      count(report.answerable_declined, declined);
    } else {
      count(report.refusal_recall, declined);
    }
    if (declined) count(report.refusal_precision, !row.question.answerable);
    const CitationCounts cited = count_citations(row.question, row.reply);
    report.citation_precision.part += cited.both;
    report.citation_precision.whole += cited.cited;
    report.citation_recall.part += cited.both;
    report.citation_recall.whole += cited.expected;
    report.errors += row.reply.error.empty() ? 0 : 1;
    if (row.reply.error.empty()) latencies.push_back(row.reply.latency_ms);
  }
  report.ndcg10 = mean_ndcg(rows);
  report.latency_p50_ms = percentile(latencies, 0.5);
  report.latency_p90_ms = percentile(latencies, 0.9);
  report.risk_coverage = risk_coverage(rows);
  return report;
}

std::string render_eval_table(const EvalReport& report, const std::vector<EvalRow>& rows) {
  std::string text;
  for (const Figure& figure : kFigures) {
    const Share& share = report.*figure.share;
    text += fmt::format("{:<20} {:>8}  {} of {}\n", figure.words, percent(share.value()),
                        share.part, share.whole);
  }
  if (report.ndcg10) text += fmt::format("{:<20} {:>8.4f}\n", "nDCG@10", *report.ndcg10);
  text += fmt::format("{:<20} {:>8}  90 % within {:.1f} ms\n", "latency, half within",
                      fmt::format("{:.1f} ms", report.latency_p50_ms), report.latency_p90_ms);
  if (report.errors > 0) text += fmt::format("{:<20} {:>8}\n", "refused requests", report.errors);
  text += "\nright by type\n";
  for (const auto& [type, share] : report.by_type)
    text += fmt::format("  {:<18} {:>8}  {} of {}\n", type, percent(share.value()), share.part,
                        share.whole);
  if (!report.risk_coverage.empty()) text += risk_lines(report.risk_coverage);
  std::size_t shown = 0;
  for (const EvalRow& row : rows) {
    if (row.grade.right) continue;
    if (shown == 0) text += "\nnot right\n";
    if (++shown > kFailuresShown) continue;
    text += fmt::format("  {}{} {}: {}\n", row.question.id, row.grade.wrong_fact ? " WRONG" : "",
                        row.question.question, row.grade.why);
  }
  if (shown > kFailuresShown) text += fmt::format("  … and {} more\n", shown - kFailuresShown);
  return text;
}

Json eval_json(const EvalReport& report, const std::vector<EvalRow>& rows) {
  Json json = {{"questions", rows.size()}};
  for (const Figure& figure : kFigures)
    json[std::string(figure.key)] = rounded((report.*figure.share).value());
  json["ndcg10"] = rounded(report.ndcg10);
  json["wrongFactsCount"] = report.wrong_facts.part;
  json["errors"] = report.errors;
  json["latencyMs"] = {{"p50", std::round(report.latency_p50_ms * 10) / 10},
                       {"p90", std::round(report.latency_p90_ms * 10) / 10}};
  json["byType"] = Json::object();
  for (const auto& [type, share] : report.by_type)
    json["byType"][type] = {{"right", share.part}, {"questions", share.whole}};
  json["riskCoverage"] = Json::array();
  for (const RiskPoint& point : report.risk_coverage) {
    json["riskCoverage"].push_back({{"sufficiency", point.sufficiency},
                                    {"coverage", rounded(point.coverage)},
                                    {"risk", rounded(point.risk)}});
  }
  json["results"] = Json::array();
  for (const EvalRow& row : rows) json["results"].push_back(row_json(row));
  return json;
}

Result<EvalComparison> compare_evals(const Json& before, const Json& now, double tolerance) {
  const auto old_verdicts = verdicts(before);
  const auto new_verdicts = verdicts(now);
  if (old_verdicts.empty())
    return fail(ErrorCode::kInvalidArgument, "not a report of `rage eval --json`");
  const bool same = std::ranges::equal(
      old_verdicts, new_verdicts, {}, [](const auto& one) { return one.first; },
      [](const auto& one) { return one.first; });
  if (!same)
    return fail(ErrorCode::kInvalidArgument,
                "the two reports are of different questions ({} and {})", old_verdicts.size(),
                new_verdicts.size());
  EvalComparison comparison;
  for (const Figure& figure : kFigures) {
    EvalChange change{.figure = std::string(figure.words),
                      .before = figure_of(before, figure.key),
                      .now = figure_of(now, figure.key)};
    change.worse = is_worse(figure, change, tolerance);
    comparison.regression = comparison.regression || change.worse;
    comparison.changes.push_back(std::move(change));
  }
  for (const auto& [id, right] : new_verdicts) {
    if (right && !old_verdicts.at(id)) comparison.fixed.push_back(id);
    if (!right && old_verdicts.at(id)) comparison.broken.push_back(id);
  }
  return comparison;
}

std::string render_comparison(const EvalComparison& comparison) {
  std::string text = "\ncompared with the other report\n";
  for (const EvalChange& change : comparison.changes) {
    text += fmt::format("  {:<20} {:>8} -> {:>8}{}\n", change.figure, percent(change.before),
                        percent(change.now), change.worse ? "  WORSE" : "");
  }
  if (!comparison.fixed.empty()) text += "  now right: " + join(comparison.fixed, ", ") + "\n";
  if (!comparison.broken.empty())
    text += "  no longer right: " + join(comparison.broken, ", ") + "\n";
  return text;
}

}  // namespace rage::cli
