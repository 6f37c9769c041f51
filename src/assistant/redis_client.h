// A small client of Redis and of what speaks its protocol: RESP2 over TCP, commands in batches.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "assistant/resp.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"

namespace rage::assistant {

struct RedisOptions {
  std::string host = "localhost";
  std::uint16_t port = 6379;
  std::string user;      // Empty: the default user.
  std::string password;  // Empty: no AUTH.
  int database = 0;
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds reply_timeout{5000};  // For one batch, beyond connecting.
  std::size_t idle_max = 16;                      // Connections kept open.
  RespLimits limits;
};

// "redis://[[user]:password@]host[:port][/database]"; kInvalidArgument otherwise, also for
// rediss:// (no TLS here) and query strings.
Result<RedisOptions> parse_redis_url(std::string_view url);

using RedisCommand = std::vector<std::string>;

// What to do when a connection breaks between sending and the reply.
enum class Repeat {
  kNever,  // The commands may have been carried out: kUnavailable.
  kOnce,   // They only read, or may be carried out twice: once more, on a new connection.
};

// Resource. Thread-safe. Connects when it is used; after a failure the next call connects anew.
class RedisClient final {
 public:
  explicit RedisClient(RedisOptions options);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  // One reply a command, in order; an error of one command is its reply. kUnavailable: no
  // connection, or it broke; kDeadlineExceeded: too slow; kUnauthenticated: AUTH was refused.
  // At most the smaller of context.deadline and the two timeouts.
  Result<std::vector<RespValue>> run(const Context& context,
                                     const std::vector<RedisCommand>& commands, Repeat repeat);

 private:
  class Connection;
  Result<std::unique_ptr<Connection>> connect(const Context& context) const;
  Result<std::unique_ptr<Connection>> take(const Context& context);

  const RedisOptions options_;
  Guarded<std::vector<std::unique_ptr<Connection>>> idle_;
};

}  // namespace rage::assistant
