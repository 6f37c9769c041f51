// The folder that holds models, shared by all processes of a user.
//   packaged/NAME/...                    put there by `make deps`; in an image, elsewhere
//   hub/org--repo/lock                   held by whoever downloads
//   hub/org--repo/refs/REVISION          the commit that a branch or tag meant last
//   hub/org--repo/COMMIT/...             verified files, under their names in the repository
//   hub/org--repo/COMMIT.files           the files of the model's folder, once all are there
//   hub/org--repo/COMMIT.partial/...     files on their way
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/files.h"
#include "models/reference.h"

namespace rage::models {

// Value. Where a resolved model lies.
struct ModelFiles {
  std::string id;              // "all-MiniLM-L6-v2", "org/repo", or a file's name without ending.
  std::filesystem::path path;  // A folder, or one file: a *.gguf or the file that was named.
};

// Value. One line of `rage model list`.
struct CachedModel {
  std::string name;       // "all-MiniLM-L6-v2", "org/repo"
  std::string reference;  // Resolves to it, now or after a pull.
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  bool is_complete = true;  // False: a download was cut; the next pull continues it.
};

// ${RAGE_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/rage}/models; for the outermost layer to call.
std::filesystem::path default_model_cache_root();
// ${RAGE_PACKAGED_DIR:-ROOT/packaged}. Images set it: their models come with the read-only root,
// while the cache is a volume that is empty at first.
std::filesystem::path default_packaged_folder(const std::filesystem::path& root);

// Thread-safe: it holds no state but the folders' names.
class ModelCache final {
 public:
  explicit ModelCache(std::filesystem::path root) : root_(std::move(root)) {}
  ModelCache(std::filesystem::path root, std::filesystem::path packaged)
      : root_(std::move(root)), packaged_(std::move(packaged)) {}

  // What `reference` means without any network. kNotFound says how to get it.
  Result<ModelFiles> find(const ModelReference& reference) const;
  // Sorted by name. An absent folder holds no models.
  Result<std::vector<CachedModel>> list() const;

  const std::filesystem::path& root() const { return root_; }

  // For those who download.
  std::filesystem::path repository_folder(const ModelReference& reference) const;
  std::filesystem::path snapshot_folder(const ModelReference& reference,
                                        std::string_view commit) const;
  // Names of files may be long and nested; partial files are flat, named by a hash.
  std::filesystem::path partial_file(const ModelReference& reference, std::string_view commit,
                                     std::string_view file) const;
  // Waits while another process or thread downloads from the same repository.
  Result<std::unique_ptr<FileLock>> lock(const Context& context, Clock& clock,
                                         const ModelReference& reference) const;
  Result<void> remember_commit(const ModelReference& reference, std::string_view commit) const;
  // All `files` are there: from now on find() knows the model. Removes what partial files left.
  Result<void> finish(const ModelReference& reference, std::string_view commit,
                      const std::vector<std::string>& files) const;

 private:
  Result<ModelFiles> find_packaged(const ModelReference& reference) const;
  Result<ModelFiles> find_hub(const ModelReference& reference) const;
  std::optional<std::string> find_commit(const ModelReference& reference) const;
  void list_packaged(std::vector<CachedModel>& models) const;
  void list_hub(std::vector<CachedModel>& models) const;

  const std::filesystem::path root_;
  const std::filesystem::path packaged_ = root_ / "packaged";
};

}  // namespace rage::models
