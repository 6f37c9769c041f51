#include "models/mirror.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"

namespace rage::models {
namespace {

namespace fs = std::filesystem;

std::uint64_t bytes_of(const HubListing& listing, const std::string& file) {
  const auto found = listing.bytes.find(file);
  return found == listing.bytes.end() ? 0 : found->second;
}

// What `reference` means now, or the commit that an earlier, unfinished run chose.
Result<HubListing> pinned_listing(const Context& context, HubClient& hub,
                                  const ModelReference& reference, const fs::path& note) {
  ModelReference pinned = reference;
  const auto noted = read_file(note, 64);
  if (noted && is_commit(trim(*noted))) pinned.revision = std::string(trim(*noted));
  ASSIGN_OR_RETURN(HubListing listing, hub.list_with_sizes(context, pinned));
  if (!noted) RETURN_IF_ERROR(write_file_atomically(note, listing.commit + "\n"));
  return listing;
}

}  // namespace

Result<void> mirror_repository(const Context& context, HubClient& hub,
                               const ModelReference& reference, const fs::path& folder,
                               const MirrorProgressCallback& progress) {
  if (reference.source != ModelSource::kHub || !reference.file.empty()) {
    return fail(ErrorCode::kInvalidArgument, "only a whole repository of the hub can be mirrored");
  }
  const fs::path own = folder / ".rage";
  RETURN_IF_ERROR(ensure_directory(own / "partial"));
  ASSIGN_OR_RETURN(const HubListing listing,
                   pinned_listing(context, hub, reference, own / "commit"));
  ASSIGN_OR_RETURN(const std::vector<std::string> files, plan_mirror_files(listing));
  MirrorProgress all;
  for (const std::string& file : files) all.bytes_total += bytes_of(listing, file);
  for (const std::string& file : files) {
    const fs::path destination = folder / file;
    const std::uint64_t before = all.bytes_done;
    std::error_code ignored;
    if (!fs::exists(destination, ignored)) {
      const HubDownload download{.repository = hub_repository_id(reference),
                                 .commit = listing.commit,
                                 .file = file,
                                 .partial = own / "partial" / sha256_hex(file),
                                 .destination = destination};
      RETURN_IF_ERROR(ensure_directory(destination.parent_path()));
      RETURN_IF_ERROR(hub.download(context, download, [&](const DownloadProgress& part) {
        all.bytes_done = before + part.bytes_done;
        if (progress) progress(all);
      }));
    }
    all.bytes_done = before + bytes_of(listing, file);
    if (progress) progress(all);
  }
  std::error_code ignored;  // An empty folder left behind does no harm.
  fs::remove(own / "partial", ignored);
  return {};
}

void DownloadMeter::update(const MirrorProgress& progress, SteadyTime now) {
  if (!std::exchange(started_, true)) {
    first_bytes_ = progress.bytes_done;
    start_ = now;
  }
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const std::uint64_t received = progress.bytes_done - std::min(first_bytes_, progress.bytes_done);
  speed_ = seconds > 0 ? static_cast<double>(received) / seconds : 0;
  const bool finished = progress.bytes_total > 0 && progress.bytes_done >= progress.bytes_total;
  const std::uint64_t left =
      progress.bytes_total - std::min(progress.bytes_total, progress.bytes_done);
  remaining_ = finished                                   ? 0
               : progress.bytes_total == 0 || speed_ <= 0 ? -1
                                                          : static_cast<double>(left) / speed_;
}

}  // namespace rage::models
