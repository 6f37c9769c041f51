#include "cli/schedule_ingest.h"

#include <fmt/format.h>

#include "base/files.h"
#include "cli/index_service.h"

namespace rage::cli {
namespace {

using codec::Json;
using Outcome = IngestReport::Outcome;

constexpr int kPassesMax = 3;
constexpr std::size_t kShownMax = 60;  // Code points of a field in the table.
constexpr std::uint64_t kScheduleBytesMax = std::uint64_t{64} << 20;

Outcome outcome_of(ErrorCode code) {
  const bool passing = code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded ||
                       code == ErrorCode::kCancelled || code == ErrorCode::kDataLoss ||
                       code == ErrorCode::kResourceExhausted;
  return passing ? Outcome::kTryAgain : Outcome::kRefused;
}

IngestReport failed(IngestReport report, const Error& error) {
  report.outcome = outcome_of(error.code);
  report.message = error.message;
  return report;
}

bool is_too_much(const ScheduleDiff& diff, const IngestCommand& command) {
  if (command.force) return false;
  return diff.removed.size() * 100 >
         diff.owned * static_cast<std::size_t>(std::max(command.removed_percent_max, 0));
}

void describe(const ScheduleDiff& diff, const std::vector<Session>& sessions,
              IngestReport& report) {
  for (const std::size_t i : diff.added) {
    report.added.push_back({.url = sessions[i].url, .title = sessions[i].title, .fields = {}});
  }
  for (std::size_t k = 0; k < diff.changed.size(); ++k) {
    const Session& session = sessions[diff.changed[k].first];
    report.changed.push_back(
        {.url = session.url, .title = session.title, .fields = diff.fields[k]});
  }
  for (const IndexedDocument& gone : diff.removed) {
    report.removed.push_back({.url = codec::string_or(gone.metadata, "url", ""),
                              .title = codec::string_or(gone.metadata, "title", ""),
                              .fields = {}});
  }
  report.unchanged = diff.unchanged;
}

Result<void> carry_out(IndexService& service, const std::vector<SourceDocument>& documents,
                       const ScheduleDiff& diff) {
  RETURN_IF_ERROR(service.write(documents, diff.added));
  RETURN_IF_ERROR(service.update(documents, diff.changed));
  std::vector<std::string> gone = diff.duplicates;
  for (const IndexedDocument& document : diff.removed) gone.push_back(document.doc_id);
  return service.remove(gone);
}

std::string shown(std::string_view text) {
  if (text.size() <= kShownMax) return fmt::format("\"{}\"", text);
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return fmt::format("\"{}\u2026\"", text.substr(0, end));
}

Json entries_json(const std::vector<IngestReport::Entry>& entries, bool with_fields) {
  Json list = Json::array();
  for (const IngestReport::Entry& entry : entries) {
    Json json = {{"url", entry.url}, {"title", entry.title}};
    if (with_fields) {
      json["fields"] = Json::array();
      for (const FieldChange& change : entry.fields) {
        json["fields"].push_back(
            {{"field", change.field}, {"before", change.before}, {"after", change.after}});
      }
    }
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

IngestReport run_schedule_ingest(const Context& context, Clock& clock, RagClient& client,
                                 net::HttpTransport& outside, const IngestCommand& command) {
  IngestReport report;
  report.index = command.index;
  const auto listing = read_schedule(context, clock, outside, command.source);
  if (!listing) return failed(std::move(report), listing.error());
  report.sessions = listing->sessions.size();
  report.failures = listing->failures;
  report.warnings = listing->warnings;
  const auto documents = schedule_documents(listing->sessions, command.owner);
  IndexService service(context, clock, client, command.index);
  for (int pass = 1;; ++pass) {
    const auto index = service.list();
    if (!index) return failed(std::move(report), index.error());
    const ScheduleDiff diff =
        diff_schedule(listing->sessions, documents, listing->kept, *index, command.owner);
    if (pass == 1) describe(diff, listing->sessions, report);
    if (diff.empty()) break;
    if (pass == 1 && is_too_much(diff, command)) {
      report.outcome = Outcome::kRefused;
      report.message = fmt::format(
          "{} of {} sessions are no longer in the source, which is more than {} %: nothing was "
          "written. Mend the source, or use --force if they are to go",
          diff.removed.size(), diff.owned, command.removed_percent_max);
      return report;
    }
    if (command.dry_run) break;
    if (pass > kPassesMax) {
      report.outcome = Outcome::kTryAgain;
      report.message = "the index does not hold what was written; does somebody else write to it?";
      return report;
    }
    report.written = true;
    if (const auto done = carry_out(service, documents, diff); !done) {
      return failed(std::move(report), done.error());
    }
  }
  if (!report.failures.empty()) {
    report.outcome = Outcome::kTryAgain;
    report.message = fmt::format("{} sessions could not be read; what the index has of them stays",
                                 report.failures.size());
  }
  return report;
}

int exit_code_of(const IngestReport& report) {
  switch (report.outcome) {
    case Outcome::kDone:
      return 0;
    case Outcome::kTryAgain:
      return 1;
    case Outcome::kRefused:
      return 3;
  }
  return 3;
}

std::string render_for_people(const IngestReport& report) {
  std::string text;
  for (const auto& entry : report.added) text += fmt::format("+ {}  {}\n", entry.title, entry.url);
  for (const auto& entry : report.changed) {
    text += fmt::format("~ {}  {}\n", entry.title, entry.url);
    for (const FieldChange& change : entry.fields) {
      text += fmt::format("    {:<12} {} -> {}\n", change.field, shown(change.before),
                          shown(change.after));
    }
  }
  for (const auto& entry : report.removed) {
    text += fmt::format("- {}  {}\n", entry.title, entry.url);
  }
  for (const std::string& warning : report.warnings) text += "warning: " + warning + "\n";
  for (const std::string& failure : report.failures) text += "failed: " + failure + "\n";
  text += fmt::format("{} sessions: {} added, {} changed, {} removed, {} unchanged{}\n",
                      report.sessions, report.added.size(), report.changed.size(),
                      report.removed.size(), report.unchanged,
                      report.written ? "" : "; nothing was written");
  if (!report.message.empty()) text += report.message + "\n";
  return text;
}

Json report_json(const IngestReport& report) {
  return {{"succeeded", report.outcome == Outcome::kDone},
          {"message", report.message},
          {"index", report.index},
          {"sessions", report.sessions},
          {"added", entries_json(report.added, false)},
          {"changed", entries_json(report.changed, true)},
          {"removed", entries_json(report.removed, false)},
          {"unchanged", report.unchanged},
          {"written", report.written},
          {"failures", report.failures},
          {"warnings", report.warnings}};
}

Result<std::size_t> download_schedule(const Context& context, Clock& clock,
                                      net::HttpTransport& outside, const ScheduleSource& source,
                                      const std::filesystem::path& folder) {
  ASSIGN_OR_RETURN(const auto listing, read_schedule(context, clock, outside, source));
  if (!listing.failures.empty()) {
    return fail(ErrorCode::kUnavailable, "{} of {} sessions could not be read, the first: {}",
                listing.failures.size(), listing.sessions.size(), listing.failures.front());
  }
  RETURN_IF_ERROR(ensure_directory(folder));
  const std::string text = codec::render_json_pretty(flat_schedule(listing.sessions)) + "\n";
  RETURN_IF_ERROR(write_file_atomically(folder / "schedule.json", text));
  return listing.sessions.size();
}

Result<std::size_t> format_schedule(const std::filesystem::path& folder, const std::string& index) {
  ASSIGN_OR_RETURN(const std::string bytes, read_file(folder / "schedule.json", kScheduleBytesMax));
  ASSIGN_OR_RETURN(const auto parsed, parse_schedule_json(bytes, ""));
  const std::string text = codec::render_json_pretty(index_schedule(parsed.sessions, index)) + "\n";
  RETURN_IF_ERROR(write_file_atomically(folder / "schedule_index.json", text));
  return parsed.sessions.size();
}

}  // namespace rage::cli
