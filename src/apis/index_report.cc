#include "apis/index_report.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace rage::apis {
namespace {

using codec::Json;

constexpr int kVersion = 1;
constexpr std::size_t kFailuresMax = 10;
constexpr std::size_t kReasonBytesMax = 64;
constexpr std::size_t kTextBytesMax = 1024;

constexpr std::array<std::pair<const char*, std::int64_t IndexReport::*>, 7> kCounts{{
    {"documents", &IndexReport::documents},
    {"added", &IndexReport::added},
    {"changed", &IndexReport::changed},
    {"removed", &IndexReport::removed},
    {"unchanged", &IndexReport::unchanged},
    {"failed", &IndexReport::failed},
    {"skipped", &IndexReport::skipped},
}};

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= kReasonBytesMax &&
         std::ranges::all_of(text, is_ascii_alpha);
}

// On the boundary of a character; what was no UTF-8 is replaced when it is rendered.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text + "…";
}

}  // namespace

Json index_report_json(const IndexReport& report) {
  Json json = {{"version", kVersion},
               {"succeeded", report.succeeded},
               {"reason", report.reason},
               {"message", report.message},
               {"revision", report.revision}};
  for (const auto& [key, member] : kCounts) json[key] = report.*member;
  json["failures"] = report.failures;
  return json;
}

std::string render_index_report(IndexReport report) {
  if (report.failures.size() > kFailuresMax) report.failures.resize(kFailuresMax);
  for (std::string& failure : report.failures) failure = cut(std::move(failure), kTextBytesMax);
  report.message = cut(std::move(report.message), kTextBytesMax);
  report.revision = cut(std::move(report.revision), kReasonBytesMax * 2);
  report.reason = cut(std::move(report.reason), kReasonBytesMax);
  // A byte may need six to be escaped, so the limits above are not enough by themselves.
  while (true) {
    std::string text = codec::render_json(index_report_json(report));
    if (text.size() <= kIndexReportBytesMax) return text;
    if (!report.failures.empty()) {
      report.failures.pop_back();
    } else {
      report.message = cut(std::move(report.message), report.message.size() / 2);
      report.revision.clear();
    }
  }
}

Result<IndexReport> parse_index_report(std::string_view bytes) {
  ASSIGN_OR_RETURN(
      const Json json,
      codec::parse_json(trim(bytes), {.bytes_max = kIndexReportBytesMax * 2, .depth_max = 4}));
  if (codec::number_or(json, "version", 0) != kVersion) {
    return fail(ErrorCode::kInvalidArgument, "no report of version {}", kVersion);
  }
  IndexReport report;
  const Json* succeeded = codec::find_key(json, "succeeded");
  report.succeeded = succeeded != nullptr && *succeeded == true;
  report.reason = codec::string_or(json, "reason", "");
  if (!is_reason(report.reason)) return fail(ErrorCode::kInvalidArgument, "bad reason");
  report.message = cut(codec::string_or(json, "message", ""), kTextBytesMax);
  report.revision = cut(codec::string_or(json, "revision", ""), kReasonBytesMax * 2);
  for (const auto& [key, member] : kCounts) {
    const double value = codec::number_or(json, key, -1);
    if (!(value >= 0 && value <= 1e15)) return fail(ErrorCode::kInvalidArgument, "bad {}", key);
    report.*member = static_cast<std::int64_t>(value);
  }
  const Json* failures = codec::find_key(json, "failures");
  if (failures == nullptr || !failures->is_array()) return report;
  for (const Json& failure : *failures) {
    if (!failure.is_string() || report.failures.size() == kFailuresMax) continue;
    report.failures.push_back(cut(failure.get<std::string>(), kTextBytesMax));
  }
  return report;
}

}  // namespace rage::apis
