#include "rag/directory_home.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFolderNameBytesMax = 120;
constexpr std::string_view kFolderPrefix = "index-";  // Names beginning with dots stay harmless.
constexpr std::string_view kTrashPrefix = "removed-";
constexpr std::string_view kIncomingPrefix = "incoming-";

// The folder of an index. Names are arbitrary: encoded while short, hashed when long; the name
// itself is stored in the database.
std::string folder_of(std::string_view name) {
  const std::string encoded = codec::percent_encode(name);
  return std::string(kFolderPrefix) +
         (encoded.size() <= kFolderNameBytesMax ? encoded : "sha256-" + sha256_hex(name));
}

Result<std::string> stored_name(const fs::path& folder) {
  ASSIGN_OR_RETURN(auto database, store::Database::open(folder / "collection.db"));
  ASSIGN_OR_RETURN(auto select, database->prepare("SELECT value FROM meta WHERE key = 'name'"));
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kDataLoss, "{} names no index", folder.string());
  return std::string(select.text(0));
}

}  // namespace

DirectoryHome::DirectoryHome(fs::path root, const EmbedderIdentity& identity,
                             std::unique_ptr<FileLock> lock)
    : root_(std::move(root)), identity_(identity), lock_(std::move(lock)) {}

Result<std::unique_ptr<DirectoryHome>> DirectoryHome::open(const fs::path& data_directory,
                                                           const EmbedderIdentity& identity) {
  const fs::path root = data_directory / "indexes";
  RETURN_IF_ERROR(ensure_directory(root));
  auto lock = FileLock::try_acquire(root / ".lock");
  if (!lock) {
    return fail(
        Error(lock.error()).with_context("the data directory is in use by another service"));
  }
  std::unique_ptr<DirectoryHome> home(new DirectoryHome(root, identity, *std::move(lock)));
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
    const Result<std::string> name = stored_name(entry.path());
    if (!name) {
      // Without a name nobody was ever told that this index exists: a creation that a crash cut
      // short.
      obs::log().warn("index folder skipped",
                      {{"folder", folder}, {"error", name.error().message}});
      continue;
    }
    Entry opened = SqliteCollection::open(entry.path(), *name, identity_);
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

Result<std::shared_ptr<Collection>> DirectoryHome::find(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return no_such_index(name);
  if (!found->second) return fail(found->second.error());
  return std::shared_ptr<Collection>(*found->second);
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
                   SqliteCollection::open(root_ / folder_of(name), name, identity_));
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
    fs::rename(root_ / folder_of(name), trash, error);
    if (error) {
      return fail(ErrorCode::kUnavailable, "cannot remove index '{}': {}", name, error.message());
    }
    entries_.erase(found);
  }
  // The rename was the deletion; this only frees space, and load() finishes it after a crash.
  fs::remove_all(trash, error);
  return {};
}

// Filled beside the live indexes and then renamed: after a crash it is there whole or not at all.
Result<void> DirectoryHome::create_filled(std::string_view name, const Fill& fill) {
  const fs::path incoming = root_ / (std::string(kIncomingPrefix) + random_uuid());
  const auto make = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto collection, SqliteCollection::open(incoming, name, identity_));
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
  const fs::path place = root_ / folder_of(name);
  fs::rename(incoming, place, error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "cannot create index '{}': {}", name, error.message());
  }
  ASSIGN_OR_RETURN(auto collection, SqliteCollection::open(place, name, identity_));
  entries_.emplace(std::string(name), std::move(collection));
  return {};
}

}  // namespace rage::rag
