#include "rag/directory_home.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"
#include "store/database.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFolderNameBytesMax = 120;
constexpr std::string_view kFolderPrefix = "index-";  // Names beginning with dots stay harmless.
constexpr std::string_view kTrashPrefix = "removed-";
constexpr std::string_view kIncomingPrefix = "incoming-";

}  // namespace

Result<std::string> stored_index_meta(const fs::path& folder, std::string_view key) {
  ASSIGN_OR_RETURN(auto database, store::Database::open(folder / "collection.db"));
  ASSIGN_OR_RETURN(auto select, database->prepare("SELECT value FROM meta WHERE key = ?1"));
  select.bind(1, key);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kDataLoss, "{} names no index", folder.string());
  return std::string(select.text(0));
}

// Names are arbitrary: encoded while short, hashed when long; the name itself is stored in the
// database.
std::string folder_of_index(std::string_view name) {
  const std::string encoded = codec::percent_encode(name);
  return std::string(kFolderPrefix) +
         (encoded.size() <= kFolderNameBytesMax ? encoded : "sha256-" + sha256_hex(name));
}

DirectoryHome::DirectoryHome(fs::path root, std::vector<EmbedderIdentity> embedders,
                             std::unique_ptr<FileLock> lock)
    : root_(std::move(root)), embedders_(std::move(embedders)), lock_(std::move(lock)) {}

Result<std::unique_ptr<DirectoryHome>> DirectoryHome::open(
    const fs::path& data_directory, std::vector<EmbedderIdentity> embedders) {
  const fs::path root = data_directory / "indexes";
  RETURN_IF_ERROR(ensure_directory(root));
  auto lock = FileLock::try_acquire(root / ".lock");
  if (!lock && lock.error().code == ErrorCode::kFailedPrecondition) {
    return fail(
        Error(lock.error()).with_context("the data directory is in use by another service"));
  }
  if (!lock) return fail(Error(lock.error()).with_context("the data directory must be writable"));
  std::unique_ptr<DirectoryHome> home(
      new DirectoryHome(root, std::move(embedders), *std::move(lock)));
  RETURN_IF_ERROR(home->load());
  return home;
}

Result<void> DirectoryHome::load() {
  MutexLock lock(mutex_);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root_, error)) {
    const std::string folder = entry.path().filename().string();
    // A deletion or a load that a crash cut short.
    if (folder.starts_with(kTrashPrefix) || folder.starts_with(kIncomingPrefix)) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
      continue;
    }
    if (!folder.starts_with(kFolderPrefix)) continue;
    const Result<std::string> name = stored_index_meta(entry.path(), "name");
    if (!name) {
      // Without a name nobody was ever told that this index exists: a creation that a crash cut
      // short.
      obs::log().warn("index folder skipped",
                      {{"folder", folder}, {"error", name.error().message}});
      continue;
    }
    const std::string embedder = stored_index_meta(entry.path(), "embedder").value_or("");
    Entry opened = SqliteCollection::open(entry.path(), *name, identity_for(embedders_, embedder));
    if (!opened) {
      obs::log().error("index not available",
                       {{"index", *name}, {"error", opened.error().message}});
    }
    entries_.insert_or_assign(*name, std::move(opened));
  }
  if (error)
    return fail(ErrorCode::kUnavailable, "cannot list {}: {}", root_.string(), error.message());
  return {};
}

DirectoryHome::Entry DirectoryHome::find_entry(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return no_such_index(name);
  return found->second;
}

Result<std::shared_ptr<Collection>> DirectoryHome::find(std::string_view name) {
  ASSIGN_OR_RETURN(auto entry, find_entry(name));
  return std::shared_ptr<Collection>(std::move(entry));
}

Result<std::vector<std::string>> DirectoryHome::names() {
  std::vector<std::pair<std::int64_t, std::string>> ordered;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, entry] : entries_) {
      ordered.emplace_back(entry ? (*entry)->created_order() : 0, name);
    }
  }
  std::ranges::sort(ordered);
  std::vector<std::string> names;
  for (auto& [order, name] : ordered) names.push_back(std::move(name));
  return names;
}

Result<std::shared_ptr<Collection>> DirectoryHome::find_or_create(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found != entries_.end()) {
    if (!found->second) return fail(found->second.error());
    return std::shared_ptr<Collection>(*found->second);
  }
  ASSIGN_OR_RETURN(auto collection,
                   SqliteCollection::open(root_ / folder_of_index(name), name, embedders_.front()));
  RETURN_IF_ERROR(store::sync_path(root_));  // The folder's name, too, survives a power cut.
  entries_.emplace(std::string(name), collection);
  return std::shared_ptr<Collection>(std::move(collection));
}

Result<void> DirectoryHome::remove(std::string_view name) {
  const fs::path trash = root_ / (std::string(kTrashPrefix) + random_uuid());
  std::error_code error;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return no_such_index(name);
    if (reindexing_.contains(name)) {
      return fail(Error{.code = ErrorCode::kUnavailable,
                        .message = fmt::format("index '{}' is being embedded anew; try again when "
                                               "that is done or stopped",
                                               name),
                        .retry_after = std::chrono::milliseconds(10'000)});
    }
    fs::rename(root_ / folder_of_index(name), trash, error);
    if (error) {
      return fail(ErrorCode::kUnavailable, "cannot remove index '{}': {}", name, error.message());
    }
    entries_.erase(found);
    RETURN_IF_ERROR(store::sync_path(root_));
  }
  // The rename was the deletion; this only frees space, and load() finishes it after a crash.
  fs::remove_all(trash, error);
  return {};
}

// Filled beside the live indexes and then renamed: after a crash it is there whole or not at all.
Result<void> DirectoryHome::create_filled(std::string_view name, const Fill& fill) {
  const fs::path incoming = root_ / (std::string(kIncomingPrefix) + random_uuid());
  const auto make = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto collection,
                     SqliteCollection::open(incoming, name, embedders_.front()));
    return fill(*collection);
  };
  std::error_code error;
  if (Result<void> filled = make(); !filled) {
    fs::remove_all(incoming, error);
    return filled;
  }
  MutexLock lock(mutex_);
  if (entries_.contains(name)) {
    fs::remove_all(incoming, error);
    return already_exists(name);
  }
  const fs::path place = root_ / folder_of_index(name);
  fs::rename(incoming, place, error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "cannot create index '{}': {}", name, error.message());
  }
  RETURN_IF_ERROR(store::sync_path(root_));
  ASSIGN_OR_RETURN(auto collection, SqliteCollection::open(place, name, embedders_.front()));
  entries_.emplace(std::string(name), std::move(collection));
  return {};
}

}  // namespace rage::rag
