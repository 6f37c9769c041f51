#include "cli/auto_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <set>
#include <utility>

#include "cli/index_service.h"

namespace rage::cli {
namespace {

using apis::IndexReport;
using codec::Json;

// A handful may go without asking: of two documents one is always half.
constexpr std::size_t kRemovableAlways = 5;
constexpr std::size_t kPlacesShown = 20;  // Of each kind; --json has them all.

Result<SourceListing> read_source(const Context& context, Clock& clock, net::HttpTransport& outside,
                                  const AutoIndexCommand& command,
                                  std::span<const IndexedDocument> index) {
  if (command.git) return read_git_source(context, *command.git, command.source);
  if (command.folder) return read_folder_source(context, *command.folder, command.source);
  if (command.site) {
    return read_site_source(context, clock, outside, *command.site, index, command.source);
  }
  return read_http_source(context, outside, command.urls, index, command.source);
}

std::string_view reason_of(ErrorCode code, std::string_view otherwise) {
  if (code == ErrorCode::kDeadlineExceeded || code == ErrorCode::kCancelled) return "TimedOut";
  const bool lasting = code == ErrorCode::kInvalidArgument ||
                       code == ErrorCode::kPermissionDenied ||
                       code == ErrorCode::kResourceExhausted;
  return lasting && otherwise == "SourceUnavailable" ? "InvalidSource" : otherwise;
}

IndexReport failed(IndexReport report, const Error& error, std::string_view otherwise) {
  report.succeeded = false;
  report.reason = reason_of(error.code, otherwise);
  report.message = error.message;
  return report;
}

bool is_too_much(const IndexDiff& diff, const AutoIndexCommand& command) {
  const bool everything = !command.git && !command.folder && !command.site && command.urls.empty();
  if (everything || command.force || diff.removed.size() <= kRemovableAlways) return false;
  return diff.removed.size() * 100 >
         diff.owned * static_cast<std::size_t>(std::max(command.removed_percent_max, 0));
}

// What `diff` and the listing alone decide.
IndexReport first_report(const SourceListing& listing, const IndexDiff& diff,
                         const AutoIndexCommand& command) {
  IndexReport report{.succeeded = listing.failures.empty(),
                     .reason = listing.failures.empty() ? "Indexed" : "SomeDocumentsFailed",
                     .message = listing.notice,
                     .revision = listing.revision,
                     .documents = static_cast<std::int64_t>(diff.owned),
                     .added = static_cast<std::int64_t>(diff.places_added.size()),
                     .changed = static_cast<std::int64_t>(diff.places_changed.size()),
                     .removed = static_cast<std::int64_t>(diff.removed.size()),
                     .unchanged = static_cast<std::int64_t>(diff.unchanged),
                     .failed = static_cast<std::int64_t>(listing.failures.size()),
                     .skipped = static_cast<std::int64_t>(listing.skipped.size()),
                     .failures = listing.failures};
  if (command.keep_removed) {
    report.removed = 0;
  } else if (is_too_much(diff, command)) {
    report.succeeded = false;
    report.reason = "TooManyRemovals";
    report.removed = 0;
    report.message = fmt::format(
        "{} of {} documents are no longer in the source, which is more than {} %: none was "
        "removed. "
        "Mend the source, or use --force (of an AutoIndexer: maxRemovedPercent) for a run if they "
        "are to go",
        diff.removed.size(), diff.owned, command.removed_percent_max);
  } else if (!listing.failures.empty()) {
    report.message = fmt::format("{} could not be read; what the index has of them stays",
                                 listing.failures.size());
  }
  return report;
}

IndexDetails details_of(const SourceListing& listing, const IndexDiff& diff, bool remove) {
  return {.added = diff.places_added,
          .changed = diff.places_changed,
          .removed = remove ? diff.places_removed : std::vector<std::string>(),
          .skipped = listing.skipped};
}

Result<void> carry_out(IndexService& service, const SourceListing& listing, const IndexDiff& diff,
                       bool remove) {
  RETURN_IF_ERROR(service.write(listing.documents, diff.write));
  RETURN_IF_ERROR(service.remove(diff.replaced));
  if (remove) RETURN_IF_ERROR(service.remove(diff.removed));
  return {};
}

void add_places(std::string& text, std::string_view mark, const std::vector<std::string>& places) {
  for (std::size_t i = 0; i < std::min(places.size(), kPlacesShown); ++i) {
    text += fmt::format("{} {}\n", mark, places[i]);
  }
  if (places.size() > kPlacesShown) {
    text +=
        fmt::format("{} and {} more; --json has them all\n", mark, places.size() - kPlacesShown);
  }
}

// The service leaves a document alone whose text somebody replaced under the same id.
void check_stored(const SourceListing& listing, const IndexDiff& rest, IndexReport& report) {
  report.documents = static_cast<std::int64_t>(rest.owned);
  for (const std::size_t i : rest.write) {
    report.failures.push_back(listing.documents[i].place +
                              ": the index holds another text under its id; remove that document");
  }
  report.failed += static_cast<std::int64_t>(rest.write.size());
  if (rest.write.empty() || !report.succeeded) return;
  report.succeeded = false;
  report.reason = "SomeDocumentsFailed";
  report.message = fmt::format("{} documents are not in the index", rest.write.size());
}

}  // namespace

IndexRun run_auto_index(const Context& context, Clock& clock, RagClient& client,
                        net::HttpTransport& outside, const AutoIndexCommand& command) {
  IndexService service(context, clock, client, command.index);
  const std::string& owner = command.source.owner;
  IndexRun run;
  const auto give_up = [&](const Error& error, std::string_view otherwise) {
    run.report = failed(std::move(run.report), error, otherwise);
    return run;
  };
  const auto index = service.list();
  if (!index) return give_up(index.error(), "ServiceUnavailable");
  const auto listing = read_source(context, clock, outside, command, *index);
  if (!listing) {
    run.report.documents = static_cast<std::int64_t>(diff_index({}, {}, *index, owner).owned);
    return give_up(listing.error(), "SourceUnavailable");
  }
  const IndexDiff diff = diff_index(listing->documents, listing->kept_places, *index, owner);
  run.report = first_report(*listing, diff, command);
  const bool remove = run.report.removed > 0;
  run.details = details_of(*listing, diff, remove);
  if (command.dry_run) return run;
  if (diff.write.empty() && diff.replaced.empty() && !remove) return run;
  if (command.source.progress) {
    command.source.progress(fmt::format("writing {} documents", diff.write.size()));
  }
  const auto carried = carry_out(service, *listing, diff, remove);
  const auto after = service.list();
  if (after) {
    check_stored(*listing, diff_index(listing->documents, listing->kept_places, *after, owner),
                 run.report);
  }
  if (!carried) return give_up(carried.error(), "ServiceUnavailable");
  if (!after) return give_up(after.error(), "ServiceUnavailable");
  return run;
}

int exit_code_of(const IndexReport& report) {
  if (report.succeeded) return 0;
  const bool passing = report.reason == "ServiceUnavailable" ||
                       report.reason == "SourceUnavailable" || report.reason == "TimedOut";
  return passing ? 1 : 3;
}

std::string render_for_people(const IndexRun& run) {
  const IndexReport& report = run.report;
  const IndexDetails& details = run.details;
  std::string text;
  add_places(text, "+", details.added);
  add_places(text, "~", details.changed);
  add_places(text, "-", details.removed);
  add_places(text, "skipped:", details.skipped);
  for (const std::string& failure : report.failures) text += "failed: " + failure + "\n";
  text += fmt::format(
      "{} documents: {} added, {} changed, {} removed, {} unchanged, {} "
      "failed, {} skipped",
      report.documents, report.added, report.changed, report.removed, report.unchanged,
      report.failed, report.skipped);
  if (!report.revision.empty()) text += fmt::format(" (revision {})", report.revision);
  text += '\n';
  if (!report.succeeded) {
    text += fmt::format("{}: {}\n", report.reason, report.message);
  } else if (!report.message.empty()) {
    text += report.message + "\n";
  }
  return text;
}

Json run_json(const IndexRun& run) {
  Json json = apis::index_report_json(run.report);
  json["details"] = {{"added", run.details.added},
                     {"changed", run.details.changed},
                     {"removed", run.details.removed},
                     {"skipped", run.details.skipped}};
  return json;
}

}  // namespace rage::cli
