// Conversations in one SQLite file, for one machine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "assistant/history_store.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "store/database.h"

namespace rage::assistant {

// Resource. Thread-safe. What append() returned for survives kill -9.
class SqliteStore final : public HistoryStore {
 public:
  // Creates file and folder. Errors as of store::Database::open. The clock outlives it.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file, Clock& clock,
                                                   const StoreOptions& options);

  Result<std::vector<Message>> load(const Context& context, const std::string& session,
                                    std::size_t messages_max) override;
  Result<void> append(const Context& context, const std::string& session,
                      std::span<const Message> messages) override;
  Result<SessionList> list(const Context& context, std::size_t sessions_max) override;
  Result<SessionInfo> find(const Context& context, const std::string& session) override;
  Result<void> rename(const Context& context, const std::string& session,
                      const std::string& title) override;
  Result<void> remove(const Context& context, const std::string& session) override;
  Result<void> check(const Context& context) override;

 private:
  SqliteStore(std::unique_ptr<store::Database> database, Clock& clock, const StoreOptions& options)
      : clock_(clock), options_(options), database_(std::move(database)) {}
  std::int64_t now_ms() const;
  std::int64_t oldest_ms() const;  // Sessions last written to before it are gone.
  Result<void> remove_expired_locked() REQUIRES(mutex_);
  Result<void> append_locked(const std::string& session, std::span<const Message> messages)
      REQUIRES(mutex_);
  Result<SessionInfo> find_locked(const std::string& session) REQUIRES(mutex_);

  Clock& clock_;
  const StoreOptions options_;
  Mutex mutex_;
  const std::unique_ptr<store::Database> database_ GUARDED_BY(mutex_);
};

}  // namespace rage::assistant
