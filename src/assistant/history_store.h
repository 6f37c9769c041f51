// Where conversations are kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "assistant/message.h"
#include "base/context.h"
#include "base/error.h"

namespace rage::assistant {

struct SessionInfo {
  std::string id;
  std::string title;
  std::int64_t created_ms = 0;  // Since the Unix epoch; 0: not known, somebody else began it.
  std::int64_t updated_ms = 0;  // Likewise.
  std::int64_t messages = 0;
};

struct SessionList {
  std::vector<SessionInfo> sessions;  // Newest first.
  bool truncated = false;             // There are more than were asked for or looked at.
};

struct StoreOptions {
  // A session that nobody wrote to for this long is gone. 0: kept for ever.
  std::chrono::seconds ttl{0};
};

// Interface. Thread-safe. kUnavailable or kDeadlineExceeded: the store cannot be reached now.
class HistoryStore {
 public:
  virtual ~HistoryStore() = default;

  // The newest `messages_max`, oldest first; none for a session that is not known. Records that
  // cannot be read are left out.
  virtual Result<std::vector<Message>> load(const Context& context, const std::string& session,
                                            std::size_t messages_max) = 0;
  // All or nothing, in order. Makes the session if need be, called after its first question. What
  // is there when it returns survives the end of this process; of a power failure, settle() alone.
  virtual Result<void> append(const Context& context, const std::string& session,
                              std::span<const Message> messages) = 0;
  // Everything that was appended before is as safe as the store can make it. An error: it may not
  // be.
  virtual Result<void> settle(const Context& context) = 0;
  virtual Result<SessionList> list(const Context& context, std::size_t sessions_max) = 0;
  // kNotFound: no such session; also of remove(). Both changes are settled.
  virtual Result<SessionInfo> find(const Context& context, const std::string& session) = 0;
  virtual Result<void> rename(const Context& context, const std::string& session,
                              const std::string& title) = 0;
  virtual Result<void> remove(const Context& context, const std::string& session) = 0;
  // Whether it answers.
  virtual Result<void> check(const Context& context) = 0;
};

}  // namespace rage::assistant
