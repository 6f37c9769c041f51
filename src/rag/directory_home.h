// Indexes below a data directory, each a folder with a SQLite database; one process at a time.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/mutex.h"
#include "rag/index_home.h"
#include "rag/sqlite_collection.h"

namespace rage::rag {

// Resource. Thread-safe.
class DirectoryHome final : public IndexHome {
 public:
  // Opens every index below `data_directory`/indexes. One that cannot be opened does not stop the
  // others: find() then returns its error. kFailedPrecondition if another process uses the
  // directory.
  static Result<std::unique_ptr<DirectoryHome>> open(const std::filesystem::path& data_directory,
                                                     const EmbedderIdentity& identity);

  Result<std::vector<std::string>> names() override;
  Result<std::shared_ptr<Collection>> find(std::string_view name) override;
  Result<std::shared_ptr<Collection>> find_or_create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> create_filled(std::string_view name, const Fill& fill) override;

 private:
  using Entry = Result<std::shared_ptr<SqliteCollection>>;
  DirectoryHome(std::filesystem::path root, const EmbedderIdentity& identity,
                std::unique_ptr<FileLock> lock);
  Result<void> load();

  const std::filesystem::path root_;
  const EmbedderIdentity identity_;
  std::unique_ptr<FileLock> lock_;
  Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
};

}  // namespace rage::rag
