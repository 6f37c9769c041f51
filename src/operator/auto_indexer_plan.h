// The AutoIndexer controller's decision: a Job or a CronJob of `rage auto-index`, the status out of
// what its pods reported, a last Job when the resource goes (docs/adr/0011).
#pragma once

#include <string_view>
#include <vector>

#include "apis/auto_indexer.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kAutoIndexerFinalizer = "autoindexer.finalizer.kaito.sh";

struct AutoIndexerObservation {
  Json engine = {};             // The RAGEngine it names; null if absent.
  Json cron_job = {};           // Ours; null if absent.
  std::vector<Json> jobs = {};  // Ours and those of our CronJob.
  std::vector<Json> pods = {};
};

Plan plan_auto_indexer(const apis::AutoIndexer& indexer, const AutoIndexerObservation& observed,
                       const Settings& settings, std::string_view now);

}  // namespace rage::op
