#include "models/resolver.h"

#include <filesystem>
#include <system_error>

#include "base/files.h"
#include "obs/log.h"

namespace rage::models {

Result<ModelFiles> ModelResolver::resolve(const Context& context, const ModelReference& reference,
                                          const ProgressCallback& progress) {
  if (reference.source != ModelSource::kHub) return cache_.find(reference);
  if (is_commit(reference.revision)) {
    if (auto found = cache_.find(reference)) return found;
  }
  auto listing = hub_.list(context, reference);
  if (listing) return pull(context, reference, *listing, progress);
  if (listing.error().code == ErrorCode::kUnavailable && context.check()) {
    if (auto found = cache_.find(reference)) {
      obs::log().warn(
          "model hub not reachable, using the cached copy",
          {{"model", render_model_reference(reference)}, {"error", listing.error().message}});
      return found;
    }
  }
  return fail(std::move(listing).error());
}

Result<ModelFiles> ModelResolver::pull(const Context& context, const ModelReference& reference,
                                       const HubListing& listing,
                                       const ProgressCallback& progress) {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, plan_hub_files(listing, reference));
  ASSIGN_OR_RETURN(const auto lock, cache_.lock(context, clock_, reference));
  const std::filesystem::path snapshot = cache_.snapshot_folder(reference, listing.commit);
  for (const std::string& file : files) {
    // Files get their names only once verified, so what is there is whole.
    std::error_code ignored;
    if (std::filesystem::exists(snapshot / file, ignored)) continue;
    const HubDownload download{.repository = hub_repository_id(reference),
                               .commit = listing.commit,
                               .file = file,
                               .partial = cache_.partial_file(reference, listing.commit, file),
                               .destination = snapshot / file};
    RETURN_IF_ERROR(ensure_directory(download.partial.parent_path()));
    RETURN_IF_ERROR(ensure_directory(download.destination.parent_path()));
    RETURN_IF_ERROR(hub_.download(context, download, progress));
  }
  RETURN_IF_ERROR(cache_.finish(reference, listing.commit, files));
  ModelReference pinned = reference;
  pinned.revision = listing.commit;
  return cache_.find(pinned);
}

}  // namespace rage::models
