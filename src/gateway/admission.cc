#include "gateway/detail/admission.h"

#include <string>
#include <string_view>

#include "base/sha256.h"
#include "net/bearer.h"

namespace rage::gateway::detail {
namespace {

// The header that holds a right key; empty if there is none.
std::string_view find_key(const RoutePolicy& policy, const HeaderBlock& headers) {
  if (const auto value = headers.find("authorization")) {
    const auto token = net::bearer_token(*value);
    if (token && policy.api_keys.contains(sha256_hex(*token))) return "authorization";
  }
  if (const auto value = headers.find("x-api-key")) {
    if (policy.api_keys.contains(sha256_hex(*value))) return "x-api-key";
  }
  return {};
}

}  // namespace

std::optional<LocalReply> check_admission(const RoutePolicy& policy, HeaderBlock& headers,
                                          SteadyTime now) {
  if (!policy.api_keys.empty()) {
    const std::string_view name = find_key(policy, headers);
    if (name.empty()) {
      LocalReply reply = make_local_reply(
          401, "this route needs an API key: send it as \"Authorization: Bearer KEY\"");
      reply.head.headers.add("www-authenticate", "Bearer");
      return reply;
    }
    headers.remove(name);
  }
  if (!policy.limit) return std::nullopt;
  const auto wait = policy.limit->take(now);
  if (!wait) return std::nullopt;
  const std::string seconds = std::to_string(wait->count());
  LocalReply reply =
      make_local_reply(429, "too many requests on this route: try again in " + seconds + " s");
  reply.head.headers.add("retry-after", seconds);
  return reply;
}

}  // namespace rage::gateway::detail
