// The objects that run one AutoIndexer, as pure functions of values: Jobs of `rage auto-index`.
#pragma once

#include <string>
#include <string_view>

#include "apis/auto_indexer.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op::detail {

inline constexpr std::string_view kAutoIndexerLabel = "kaito.sh/autoindexer";
inline constexpr std::string_view kIndexContainer = "auto-index";

// Without a schedule: one Job for each generation, so an edited spec is a new run.
std::string index_job_name(const apis::AutoIndexer& indexer);
std::string cleanup_job_name(const apis::AutoIndexer& indexer);
// The names of its Jobs are eleven characters longer.
std::string cron_job_name(const apis::AutoIndexer& indexer);

enum class Paused { kNo, kYes };
Json render_index_job(const apis::AutoIndexer& indexer, const Settings& settings);
Json render_cron_job(const apis::AutoIndexer& indexer, Paused paused, const Settings& settings);
// Removes every document of the resource from the index.
Json render_cleanup_job(const apis::AutoIndexer& indexer, const Settings& settings);

}  // namespace rage::op::detail
