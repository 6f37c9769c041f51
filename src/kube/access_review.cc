#include "kube/access_review.h"

#include <optional>
#include <utility>

#include "base/sha256.h"
#include "net/bearer.h"

namespace rage::kube {
namespace {

using codec::find_key;

constexpr std::size_t kTokenBytesMax = std::size_t{16} << 10;

const ResourceType kTokenReview{.group = "authentication.k8s.io",
                                .version = "v1",
                                .kind = "TokenReview",
                                .plural = "tokenreviews",
                                .namespaced = false};
const ResourceType kAccessReview{.group = "authorization.k8s.io",
                                 .version = "v1",
                                 .kind = "SubjectAccessReview",
                                 .plural = "subjectaccessreviews",
                                 .namespaced = false};

// None: no bearer token.
std::optional<std::string_view> token_of(std::string_view authorization) {
  const auto token = net::bearer_token(authorization);
  if (!token || token->empty() || token->size() > kTokenBytesMax) return std::nullopt;
  return token;
}

bool is_true(const Json* status, std::string_view key) {
  const Json* value = status == nullptr ? nullptr : find_key(*status, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

// The user as the API server described it, in the words of the other review.
Json access_review_for(const Json& user, std::string_view path, std::string_view verb) {
  Json spec = {{"nonResourceAttributes", {{"path", path}, {"verb", verb}}},
               {"user", codec::string_or(user, "username", "")}};
  for (const char* const key : {"groups", "uid", "extra"}) {
    if (const Json* value = find_key(user, key)) spec[key] = *value;
  }
  return {{"spec", std::move(spec)}};
}

}  // namespace

Result<Access> AccessReviewer::review(const Context& context, std::string_view authorization,
                                      std::string_view path, std::string_view verb) {
  const auto token = token_of(authorization);
  if (!token) return Access::kUnauthenticated;
  std::string key = sha256_hex(fmt::format("{}\n{}\n{}", verb, path, *token));
  const SteadyTime now = clock_.now();
  const auto known = answers_.with([&](const auto& answers) -> std::optional<Access> {
    const auto found = answers.find(key);
    if (found == answers.end() || found->second.believed_until <= now) return std::nullopt;
    return found->second.access;
  });
  if (known) return *known;
  ASSIGN_OR_RETURN(const Access access, ask(context, *token, path, verb));
  remember(std::move(key), access);
  return access;
}

Result<Access> AccessReviewer::ask(const Context& context, std::string_view token,
                                   std::string_view path, std::string_view verb) const {
  const Json question = {{"spec", {{"token", token}}}};
  ASSIGN_OR_RETURN(const Json identity, client_.create(context, kTokenReview, question));
  const Json* status = find_key(identity, "status");
  const Json* user = status == nullptr ? nullptr : find_key(*status, "user");
  if (!is_true(status, "authenticated") || user == nullptr) return Access::kUnauthenticated;
  ASSIGN_OR_RETURN(const Json verdict,
                   client_.create(context, kAccessReview, access_review_for(*user, path, verb)));
  return is_true(find_key(verdict, "status"), "allowed") ? Access::kAllowed : Access::kForbidden;
}

void AccessReviewer::remember(std::string key, Access access) {
  const auto believed = access == Access::kAllowed ? options_.allowed_for : options_.refused_for;
  const SteadyTime until = clock_.now() + believed;
  answers_.with([&](auto& answers) {
    if (answers.size() >= options_.entries_max) answers.clear();
    answers[std::move(key)] = {.access = access, .believed_until = until};
  });
}

}  // namespace rage::kube
