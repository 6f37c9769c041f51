// What has to be done so that an index holds exactly a schedule's sessions. Pure.
//
// A session is its address. An index is compared by what its documents say of themselves
// (session_metadata()), so a run that was cut short is completed by the next one.
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/auto_index_diff.h"
#include "cli/schedule.h"

namespace rage::cli {

struct FieldChange {
  std::string field;
  std::string before;
  std::string after;
  bool operator==(const FieldChange&) const = default;
};

struct ScheduleDiff {
  std::vector<std::size_t> added;                            // Of the sessions.
  std::vector<std::pair<std::size_t, std::string>> changed;  // And the id of their document.
  std::vector<std::vector<FieldChange>> fields;              // Of `changed`, in the same order;
                                                             // none: only who owns it.
  std::vector<IndexedDocument> removed;                      // Sessions that are gone.
  std::vector<std::string> duplicates;  // Ids of further documents of sessions that are there.
  std::size_t unchanged = 0;
  std::size_t owned = 0;  // Sessions of ours in the index.

  bool empty() const {
    return added.empty() && changed.empty() && removed.empty() && duplicates.empty();
  }
};

std::vector<FieldChange> changed_fields(const Session& before, const Session& after);

// `documents` are schedule_documents() of the sessions, with the owner. Of an index's documents
// those are ours that say so, and those of nobody that look like this schedule's: their address is
// a session's but for its last part, as the demo's own scripts leave them.
// `kept`: addresses whose documents stay as they are.
ScheduleDiff diff_schedule(std::span<const Session> sessions,
                           std::span<const SourceDocument> documents,
                           const std::set<std::string, std::less<>>& kept,
                           std::span<const IndexedDocument> index, const std::string& owner);

}  // namespace rage::cli
