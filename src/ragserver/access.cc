#include "ragserver/access.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/sha256.h"
#include "base/strings.h"

namespace rage::ragserver {
namespace {

constexpr std::size_t kKeysMax = 10'000;
constexpr std::size_t kHashLength = 64;

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    while (!line.empty() && is_ascii_space(line.front())) line.remove_prefix(1);
    if (line.empty()) return words;
    const auto end = std::ranges::find_if(line, is_ascii_space) - line.begin();
    words.push_back(line.substr(0, static_cast<std::size_t>(end)));
    line.remove_prefix(static_cast<std::size_t>(end));
  }
}

Result<void> read_scopes(std::string_view text, ApiKey& key) {
  for (const std::string_view scope : split(text, ',')) {
    if (scope == "read") {
      key.read = true;
    } else if (scope == "write") {
      key.write = true;
    } else if (scope == "admin") {
      key.admin = true;
    } else {
      return fail(ErrorCode::kInvalidArgument, "there is no scope '{}': read, write, admin", scope);
    }
  }
  return {};
}

Result<ApiKey> parse_line(const std::vector<std::string_view>& words) {
  if (words.size() < 3 || words.size() > 4) {
    return fail(ErrorCode::kInvalidArgument,
                "a key is a name, scopes, a SHA-256 and perhaps requests a minute");
  }
  ApiKey key{.name = std::string(words[0]), .sha256 = to_lower_ascii(words[2])};
  RETURN_IF_ERROR(read_scopes(words[1], key));
  const bool is_hash = key.sha256.size() == kHashLength &&
                       key.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hash) return fail(ErrorCode::kInvalidArgument, "the hash is not 64 hex digits");
  if (words.size() == 4) {
    const auto rate = parse_uint(words[3]);
    if (!rate || *rate == 0 || *rate > 1'000'000) {
      return fail(ErrorCode::kInvalidArgument, "requests a minute are 1 to 1000000");
    }
    key.per_minute = static_cast<std::uint32_t>(*rate);
  }
  return key;
}

std::string_view bearer_of(const net::HttpRequest& request) {
  const std::string_view value = trim(request.headers.find("authorization"));
  constexpr std::string_view kBearer = "bearer ";
  if (value.size() <= kBearer.size() ||
      !equals_ignoring_case(value.substr(0, kBearer.size()), kBearer)) {
    return {};
  }
  return trim(value.substr(kBearer.size()));
}

bool allows(const ApiKey& key, Scope needed) {
  if (key.admin) return true;
  return needed == Scope::kRead ? key.read : needed == Scope::kWrite && key.write;
}

}  // namespace

Scope scope_of(RouteKind kind) {
  switch (kind) {
    case RouteKind::kHealth:
    case RouteKind::kReady:
    case RouteKind::kMetrics:
    case RouteKind::kOpenApi:
    case RouteKind::kDocs:
      return Scope::kOpen;
    case RouteKind::kIndexes:
    case RouteKind::kListDocuments:
    case RouteKind::kRetrieve:
    case RouteKind::kChat:
    case RouteKind::kModels:
    case RouteKind::kEmbeddings:
    case RouteKind::kRerank:
    case RouteKind::kReadSettings:
    case RouteKind::kGuardrails:
      return Scope::kRead;
    case RouteKind::kIndex:
    case RouteKind::kUpdateDocuments:
    case RouteKind::kDeleteDocuments:
      return Scope::kWrite;
    case RouteKind::kDeleteIndex:
    case RouteKind::kPersist:
    case RouteKind::kLoad:
    case RouteKind::kWriteSettings:
    case RouteKind::kAnswers:
    case RouteKind::kAnswer:
    case RouteKind::kReindex:
      return Scope::kAdmin;
  }
  return Scope::kAdmin;
}

std::string_view scope_name(Scope scope) {
  switch (scope) {
    case Scope::kOpen:
      return "none";
    case Scope::kRead:
      return "read";
    case Scope::kWrite:
      return "write";
    case Scope::kAdmin:
      return "admin";
  }
  return "admin";
}

Result<std::vector<ApiKey>> parse_api_keys(std::string_view text) {
  std::vector<ApiKey> keys;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    const auto words = words_of(line.substr(0, std::min(line.find('#'), line.size())));
    if (words.empty()) continue;
    auto key = parse_line(words);
    if (!key) {
      return fail(Error(key.error()).with_context(fmt::format("line {} of the API keys", number)));
    }
    if (keys.size() == kKeysMax) {
      return fail(ErrorCode::kInvalidArgument, "more than {} API keys", kKeysMax);
    }
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) {
    return fail(
        ErrorCode::kInvalidArgument,
        "the file of API keys has none: nobody could use the service. Leave --api-keys out to "
        "serve without keys");
  }
  return keys;
}

AccessControl::AccessControl(std::vector<ApiKey> keys, const Clock& clock)
    : keys_(std::move(keys)), clock_(clock) {
  MutexLock lock(mutex_);
  for (const ApiKey& key : keys_) {
    buckets_.push_back({.tokens = static_cast<double>(key.per_minute), .filled = clock_.now()});
  }
}

Result<void> AccessControl::take(std::size_t key) {
  const double per_minute = keys_[key].per_minute;
  if (per_minute == 0) return {};
  MutexLock lock(mutex_);
  Bucket& bucket = buckets_[key];
  const SteadyTime now = clock_.now();
  const double minutes = std::chrono::duration<double, std::ratio<60>>(now - bucket.filled).count();
  bucket.tokens = std::min(per_minute, bucket.tokens + minutes * per_minute);
  bucket.filled = now;
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return {};
  }
  const double wait_ms = std::ceil((1 - bucket.tokens) / per_minute * 60'000);
  return fail(Error{.code = ErrorCode::kResourceExhausted,
                    .message = fmt::format("The key '{}' may send {} requests a minute.",
                                           keys_[key].name, keys_[key].per_minute),
                    .detail = {},
                    .retry_after = std::chrono::milliseconds(static_cast<std::int64_t>(wait_ms))});
}

Result<std::string> AccessControl::admit(const net::HttpRequest& request, Scope needed) {
  if (!enabled() || needed == Scope::kOpen) return std::string();
  const std::string_view bearer = bearer_of(request);
  if (bearer.empty()) {
    return fail(ErrorCode::kUnauthenticated,
                "This service needs an API key: send it as 'Authorization: Bearer KEY'.");
  }
  // Keys are compared by their hashes: how long that takes says nothing about the key.
  const auto found = std::ranges::find(keys_, sha256_hex(bearer), &ApiKey::sha256);
  if (found == keys_.end()) return fail(ErrorCode::kUnauthenticated, "This API key is not known.");
  if (!allows(*found, needed)) {
    return fail(ErrorCode::kPermissionDenied, "The key '{}' does not have the scope '{}'.",
                found->name, scope_name(needed));
  }
  RETURN_IF_ERROR(take(static_cast<std::size_t>(found - keys_.begin())));
  return found->name;
}

}  // namespace rage::ragserver
