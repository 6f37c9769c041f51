// Indexes below a data directory, each a folder with a SQLite database; one process at a time.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/mutex.h"
#include "rag/index_home.h"
#include "rag/sqlite_collection.h"

namespace rage::rag {

// The folder of an index below `data_directory`/indexes.
std::string folder_of_index(std::string_view name);
// A fact of the index in that folder ("name", "embedder"); read from its database.
Result<std::string> stored_index_meta(const std::filesystem::path& folder, std::string_view key);

// Resource. Thread-safe.
class DirectoryHome final : public IndexHome {
 public:
  // Opens every index below `data_directory`/indexes. One that cannot be opened does not stop the
  // others: find() then returns its error. kFailedPrecondition if another process uses the
  // directory. Indexes get the first of `embedders`; those built with another one of them keep it
  // until reindex().
  static Result<std::unique_ptr<DirectoryHome>> open(const std::filesystem::path& data_directory,
                                                     std::vector<EmbedderIdentity> embedders);

  Result<std::vector<std::string>> names() override;
  Result<std::shared_ptr<Collection>> find(std::string_view name) override;
  Result<std::shared_ptr<Collection>> find_or_create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<void> create_filled(std::string_view name, const Fill& fill) override;
  Result<ReindexOutcome> reindex(const Context& context, std::string_view name,
                                 const ReindexOrder& order) override;
  Result<void> await_successor(const Context& context, const Collection& retired) override;

 private:
  using Entry = Result<std::shared_ptr<SqliteCollection>>;
  DirectoryHome(std::filesystem::path root, std::vector<EmbedderIdentity> embedders,
                std::unique_ptr<FileLock> lock);
  Result<void> load();
  Entry find_entry(std::string_view name);
  Result<ReindexOutcome> reindex_marked(const Context& context, std::string_view name,
                                        const ReindexOrder& order);

  const std::filesystem::path root_;
  const std::vector<EmbedderIdentity> embedders_;
  std::unique_ptr<FileLock> lock_;
  Mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_ GUARDED_BY(mutex_);
  std::set<std::string, std::less<>> reindexing_ GUARDED_BY(mutex_);
  CondVar replaced_;  // An entry was, after a reindex().
};

}  // namespace rage::rag
