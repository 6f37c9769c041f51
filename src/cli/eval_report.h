// What the graded replies of one run say together, and whether another run was better. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/eval_grade.h"
#include "codec/json.h"

namespace rage::cli {

struct EvalRow {
  EvalQuestion question;
  EvalReply reply;
  Grade grade;
  std::optional<double> ndcg10 = {};  // Of a search for the question; none without qrels.
};

// A share and what it is a share of; none if there was nothing to count.
struct Share {
  std::size_t part = 0;
  std::size_t whole = 0;
  std::optional<double> value() const;
};

// If only the replies of at least some sufficiency were given: the share that would be answered,
// and the share of these that is not right.
struct RiskPoint {
  double sufficiency = 0;
  double coverage = 0;  // 0..1
  double risk = 0;      // 0..1
};

struct EvalReport {
  Share right;             // Of all questions.
  Share answerable_right;  // Of the answerable ones.
  Share answerable_declined;
  Share wrong_facts;             // Replies that show a fact which the sources do not support.
  Share refusal_precision;       // Of what was declined, the unanswerable.
  Share refusal_recall;          // Of the unanswerable, what was declined.
  Share citation_precision;      // Of the cited addresses, the expected ones.
  Share citation_recall;         // Of the expected addresses, the cited ones.
  std::size_t errors = 0;        // Questions the service refused.
  std::optional<double> ndcg10;  // The mean over questions with qrels.
  double latency_p50_ms = 0;
  double latency_p90_ms = 0;
  std::map<std::string, Share> by_type;
  std::vector<RiskPoint> risk_coverage;  // Empty unless every reply tells its sufficiency.
};

EvalReport summarize(const std::vector<EvalRow>& rows);

// `latencies` in any order, `share` of 0..1; nearest rank. 0 of nothing.
double percentile(std::vector<double> latencies, double share);

// nDCG at 10 as trec_eval computes it: gain is the relevance, the discount log2(rank + 1).
// `ranking`: addresses, best first, each once. 0 if nothing is relevant.
double ndcg_at_10(const std::vector<std::string>& ranking,
                  const std::map<std::string, double>& qrels);

// Ascending coverage; rows of the same sufficiency are one point.
std::vector<RiskPoint> risk_coverage(const std::vector<EvalRow>& rows);

// The table for a person.
std::string render_eval_table(const EvalReport& report, const std::vector<EvalRow>& rows);

codec::Json eval_json(const EvalReport& report, const std::vector<EvalRow>& rows);

// One figure of two reports.
struct EvalChange {
  std::string figure;
  std::optional<double> before;
  std::optional<double> now;
  bool worse = false;  // By more than the tolerance.
};

struct EvalComparison {
  std::vector<EvalChange> changes;  // Every gated figure, in the table's order.
  std::vector<std::string> fixed;   // Ids of questions that became right.
  std::vector<std::string> broken;  // Ids that were right.
  bool regression = false;
};

// Both as eval_json() made them. A figure is worse if it fell (wrong facts and answerable ones
// declined: rose) by more than `tolerance`, a share. kInvalidArgument if `before` is no report or
// is of other questions.
Result<EvalComparison> compare_evals(const codec::Json& before, const codec::Json& now,
                                     double tolerance);

std::string render_comparison(const EvalComparison& comparison);

}  // namespace rage::cli
