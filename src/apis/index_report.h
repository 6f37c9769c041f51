// What a run of `rage auto-index` tells the controller: one JSON object that fits a container's
// termination message (docs/adr/0011).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::apis {

// What kubelet keeps of a termination message.
inline constexpr std::size_t kIndexReportBytesMax = 4096;

// Value.
struct IndexReport {
  bool succeeded = false;  // Everything of the source is in the index, and nothing else of it.
  std::string reason;      // CamelCase, as a condition has it.
  std::string message;     // For people: what happened, what to do.
  std::string revision;    // Empty: the source could not be read.
  std::int64_t documents = 0;
  std::int64_t added = 0;
  std::int64_t changed = 0;
  std::int64_t removed = 0;
  std::int64_t unchanged = 0;
  std::int64_t failed = 0;
  std::int64_t skipped = 0;
  std::vector<std::string> failures;  // The first of them: "path: why".

  bool operator==(const IndexReport&) const = default;
};

codec::Json index_report_json(const IndexReport& report);
// At most kIndexReportBytesMax: failures are left out from the end, then the message is cut.
std::string render_index_report(IndexReport report);
// Bytes that a container wrote. kInvalidArgument: no report, or not of a version that we read.
Result<IndexReport> parse_index_report(std::string_view bytes);

}  // namespace rage::apis
