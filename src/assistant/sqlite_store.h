// Conversations in one SQLite file, for one machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "assistant/history_store.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "store/database.h"

namespace rage::assistant {

// Resource. Thread-safe. What append() returned for survives kill -9, after settle() a power cut,
// too. Calls of settle() that come while the disk is busy share the next sync; readers wait for
// nobody.
class SqliteStore final : public HistoryStore {
 public:
  // Creates file and folder. Errors as of store::Database::open. The clock outlives it.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file, Clock& clock,
                                                   const StoreOptions& options);

  Result<std::vector<Message>> load(const Context& context, const std::string& session,
                                    std::size_t messages_max) override;
  Result<void> append(const Context& context, const std::string& session,
                      std::span<const Message> messages) override;
  Result<void> settle(const Context& context) override;
  Result<SessionList> list(const Context& context, std::size_t sessions_max) override;
  Result<SessionInfo> find(const Context& context, const std::string& session) override;
  Result<void> rename(const Context& context, const std::string& session,
                      const std::string& title) override;
  Result<void> remove(const Context& context, const std::string& session) override;
  Result<void> check(const Context& context) override;

 private:
  SqliteStore(std::filesystem::path file, std::unique_ptr<store::Database> writer,
              std::unique_ptr<store::Database> reader, Clock& clock, const StoreOptions& options)
      : clock_(clock),
        options_(options),
        file_(std::move(file)),
        writer_(std::move(writer)),
        reader_(std::move(reader)) {}
  std::int64_t now_ms() const;
  std::int64_t oldest_ms() const;  // Sessions last written to before it are gone.
  Result<SessionInfo> find_in(store::Database& database, const std::string& session) const;
  Result<void> write(const std::string& session, std::span<const Message> messages)
      REQUIRES(writing_);
  Result<void> remove_expired() REQUIRES(writing_);
  Result<void> remove_unsettled(const std::string& session);

  Clock& clock_;
  const StoreOptions options_;
  const std::filesystem::path file_;
  Mutex writing_;
  const std::unique_ptr<store::Database> writer_ GUARDED_BY(writing_);
  Mutex reading_;
  const std::unique_ptr<store::Database> reader_ GUARDED_BY(reading_);
  Mutex settling_;
  CondVar settled_;
  std::uint64_t asked_ GUARDED_BY(settling_) = 0;  // Calls of settle(), numbered,
  std::uint64_t done_ GUARDED_BY(settling_) = 0;   // and those that a sync has covered.
  bool somebody_syncs_ GUARDED_BY(settling_) = false;
  std::optional<Error> broken_ GUARDED_BY(settling_);  // No sync after a failed one tells anything.
};

}  // namespace rage::assistant
