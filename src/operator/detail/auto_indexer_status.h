// The status of an AutoIndexer that is true, out of its runs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/auto_indexer.h"
#include "operator/detail/auto_indexer_runs.h"
#include "operator/plan.h"

namespace rage::op::detail {

// What keeps it from running at all.
struct Obstacle {
  std::string reason;
  std::string message;
};

struct AutoIndexerStatus {
  Json status;
  std::vector<PlannedEvent> events;
};

// `next_run`: RFC 3339; empty if none is planned.
AutoIndexerStatus render_auto_indexer_status(const apis::AutoIndexer& indexer,
                                             const std::optional<Obstacle>& obstacle,
                                             const std::vector<IndexRun>& runs,
                                             const std::string& next_run, std::string_view now);

}  // namespace rage::op::detail
