// Who may ask for what: API keys with scopes and a rate, from a file that holds only their hashes.
//
// One key a line: name, scopes, SHA-256 of the key in hex, and perhaps requests a minute; # begins
// a comment.
//   ci        read,write   9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08   600
// A client sends the key itself: "Authorization: Bearer KEY" (RFC 6750).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "net/http.h"
#include "ragserver/routes.h"

namespace rage::ragserver {

// kRead: find and ask. kWrite: add, change and remove documents. kAdmin: whole indexes, settings,
// answers given to others; includes the other two. kOpen needs no key: health, metrics and the
// description of the service.
enum class Scope { kOpen, kRead, kWrite, kAdmin };
Scope scope_of(RouteKind kind);
std::string_view scope_name(Scope scope);

// Value.
struct ApiKey {
  std::string name;
  std::string sha256;  // Lower-case hex.
  bool read = false;
  bool write = false;
  bool admin = false;
  std::uint32_t per_minute = 0;  // 0: as many as come.
};

// kInvalidArgument names the line and what is wrong with it; a file without a key is an error.
Result<std::vector<ApiKey>> parse_api_keys(std::string_view text);

// Resource. Thread-safe. The clock outlives it.
class AccessControl final {
 public:
  AccessControl(std::vector<ApiKey> keys, const Clock& clock);

  bool enabled() const { return !keys_.empty(); }
  // The name of the key; "" where none is needed. kUnauthenticated, kPermissionDenied, or
  // kResourceExhausted with retry_after. Without keys everything is allowed.
  Result<std::string> admit(const net::HttpRequest& request, Scope needed);

 private:
  struct Bucket {
    double tokens = 0;
    SteadyTime filled;
  };
  Result<void> take(std::size_t key);

  const std::vector<ApiKey> keys_;
  const Clock& clock_;
  Mutex mutex_;
  std::vector<Bucket> buckets_ GUARDED_BY(mutex_);  // One a key; a minute's requests at most.
};

}  // namespace rage::ragserver
