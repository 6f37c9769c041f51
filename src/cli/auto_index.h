// `rage auto-index` and `rage ingest folder|git|site`: make an index of a running service equal to
// a source, once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apis/index_report.h"
#include "base/clock.h"
#include "base/context.h"
#include "cli/auto_index_source.h"
#include "cli/rag_client.h"

namespace rage::cli {

struct AutoIndexCommand {
  std::string index;
  SourceOptions source;  // With the owner: only its documents are ever changed or removed.
  // One of the four; none: the source is empty, and the owner's documents all go.
  std::optional<GitRequest> git;
  std::optional<FolderRequest> folder;
  std::optional<SiteRequest> site;
  std::vector<std::string> urls;
  bool keep_removed = false;     // Documents that left the source stay.
  int removed_percent_max = 50;  // More than this is taken for a broken source: nothing is removed.
  bool force = false;            // Whatever the share.
  bool dry_run = false;          // Says what it would do.
};

// Places (paths or addresses), in order; what the report only counts.
struct IndexDetails {
  std::vector<std::string> added;
  std::vector<std::string> changed;
  std::vector<std::string> removed;
  std::vector<std::string> skipped;  // "place: why"
};

struct IndexRun {
  apis::IndexReport report;
  IndexDetails details;
};

// Additions come before removals, so nothing is ever missing; a run that was cut short is completed
// by the next. Nothing is written where nothing changed. `outside` is for URLs and sites alone. A
// service that cannot be reached is tried again for two minutes.
IndexRun run_auto_index(const Context& context, Clock& clock, RagClient& client,
                        net::HttpTransport& outside, const AutoIndexCommand& command);

// 0: all is well. 1: trying again may help. 3: somebody has to act.
int exit_code_of(const apis::IndexReport& report);
// The first places of each kind, then the counts.
std::string render_for_people(const IndexRun& run);
// The report with its details.
codec::Json run_json(const IndexRun& run);

}  // namespace rage::cli
