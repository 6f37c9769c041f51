// `rage ingest schedule`: makes an index of a running service equal to a conference's schedule.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "cli/rag_client.h"
#include "cli/schedule_diff.h"
#include "cli/schedule_source.h"
#include "codec/json.h"

namespace rage::cli {

struct IngestCommand {
  ScheduleSource source;
  std::string index = "schedule_index";
  std::string owner = "schedule";
  int removed_percent_max = 20;  // More than this is taken for a broken source: nothing is written.
  bool force = false;            // Whatever the share.
  bool dry_run = false;
};

struct IngestReport {
  struct Entry {
    std::string url;
    std::string title;
    std::vector<FieldChange> fields;
  };
  enum class Outcome { kDone, kTryAgain, kRefused };
  Outcome outcome = Outcome::kDone;
  std::string message;  // Why it is not done.
  std::string index;
  std::size_t sessions = 0;
  std::vector<Entry> added;
  std::vector<Entry> changed;
  std::vector<Entry> removed;
  std::size_t unchanged = 0;
  bool written = false;  // Anything.
  std::vector<std::string> failures;
  std::vector<std::string> warnings;
};

// Added sessions come first, then changed ones, each in place, then those that are gone; each
// request is carried out whole or not at all. Nothing is written where nothing changed, and in the
// end the index is read again: only what it says is done. At most three passes.
IngestReport run_schedule_ingest(const Context& context, Clock& clock, RagClient& client,
                                 net::HttpTransport& outside, const IngestCommand& command);

// 0: the index holds the schedule. 1: trying again may help. 3: somebody has to act.
int exit_code_of(const IngestReport& report);
std::string render_for_people(const IngestReport& report);
codec::Json report_json(const IngestReport& report);

// The demo's two scripts: the schedule as FOLDER/schedule.json, and that file as
// FOLDER/schedule_index.json. Files are written whole or not at all; a session whose page cannot be
// read fails the first. The number of sessions.
Result<std::size_t> download_schedule(const Context& context, Clock& clock,
                                      net::HttpTransport& outside, const ScheduleSource& source,
                                      const std::filesystem::path& folder);
Result<std::size_t> format_schedule(const std::filesystem::path& folder, const std::string& index);

}  // namespace rage::cli
