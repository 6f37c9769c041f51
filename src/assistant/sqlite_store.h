// Conversations in one SQLite file, for one machine.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "assistant/history_store.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "store/database.h"

namespace rage::assistant {

// Resource. Thread-safe. What append() returned for survives kill -9 and a power cut. Appends that
// come while another is being written to the disk share the next write; readers wait for nobody.
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
  // One call of append(), on its caller's stack.
  struct Waiting {
    const std::string& session;
    std::span<const Message> messages;
    bool written = false;  // Whoever wrote it says so, with queue_ held.
    Result<void> outcome = {};
  };

  SqliteStore(std::unique_ptr<store::Database> writer, std::unique_ptr<store::Database> reader,
              Clock& clock, const StoreOptions& options)
      : clock_(clock), options_(options), writer_(std::move(writer)), reader_(std::move(reader)) {}
  std::int64_t now_ms() const;
  std::int64_t oldest_ms() const;  // Sessions last written to before it are gone.
  Result<SessionInfo> find_in(store::Database& database, const std::string& session) const;
  void write_all(std::span<Waiting* const> batch);
  Result<void> write(std::span<Waiting* const> batch) REQUIRES(writing_);
  Result<void> write_one(const std::string& session, std::span<const Message> messages)
      REQUIRES(writing_);
  Result<void> remove_expired() REQUIRES(writing_);

  Clock& clock_;
  const StoreOptions options_;
  Mutex queue_;
  CondVar written_;
  std::vector<Waiting*> waiting_ GUARDED_BY(queue_);
  bool somebody_writes_ GUARDED_BY(queue_) = false;
  Mutex writing_;
  const std::unique_ptr<store::Database> writer_ GUARDED_BY(writing_);
  Mutex reading_;
  const std::unique_ptr<store::Database> reader_ GUARDED_BY(reading_);
};

}  // namespace rage::assistant
