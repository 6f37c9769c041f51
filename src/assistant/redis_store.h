// Conversations in Redis, where the demo's agent keeps them: both can work on the same ones.
//
//   chat_messages:<session>  list: one record a message (message.h), as the demo has it
//   chat_extras:<session>    list of ours: what the record has no place for, with the record's
//   digest chat_meta:<session>      hash of ours: title, created, updated (milliseconds)
//
// What one call writes is one MULTI/EXEC.
#pragma once

#include <string>
#include <string_view>

#include "assistant/history_store.h"
#include "assistant/redis_client.h"
#include "base/clock.h"

namespace rage::assistant {

// Resource. Thread-safe. The clock outlives it.
class RedisStore final : public HistoryStore {
 public:
  RedisStore(RedisOptions redis, Clock& clock, const StoreOptions& options)
      : client_(std::move(redis)), clock_(clock), options_(options) {}

  Result<std::vector<Message>> load(const Context& context, const std::string& session,
                                    std::size_t messages_max) override;
  Result<void> append(const Context& context, const std::string& session,
                      std::span<const Message> messages) override;
  // Redis' own configuration says when it writes to its disk.
  Result<void> settle(const Context&) override { return {}; }
  Result<SessionList> list(const Context& context, std::size_t sessions_max) override;
  Result<SessionInfo> find(const Context& context, const std::string& session) override;
  Result<void> rename(const Context& context, const std::string& session,
                      const std::string& title) override;
  Result<void> remove(const Context& context, const std::string& session) override;
  Result<void> check(const Context& context) override;

 private:
  Result<std::vector<RespValue>> run(const Context& context,
                                     const std::vector<RedisCommand>& commands, Repeat repeat);
  Result<std::vector<SessionInfo>> describe(const Context& context,
                                            const std::vector<std::string>& sessions);
  std::string now_ms() const;

  RedisClient client_;
  Clock& clock_;
  const StoreOptions options_;
};

// Pure parts, for tests.

// The commands of one append(), MULTI and EXEC included.
std::vector<RedisCommand> plan_append(const std::string& session, std::span<const Message> messages,
                                      const std::string& now_ms, std::chrono::seconds ttl);

// Each message of `records` with the extras that belong to it: both lists are in order, and others
// may have written records without any.
std::vector<Message> join_extras(const std::vector<RespValue>& records,
                                 const std::vector<RespValue>& extras);

}  // namespace rage::assistant
