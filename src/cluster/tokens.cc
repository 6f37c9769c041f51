#include "cluster/tokens.h"

#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "net/bearer.h"

namespace rage::cluster {

Result<Tokens> Tokens::parse(std::string_view text) {
  Tokens tokens;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (trim(line).empty() || trim(line).starts_with('#')) continue;
    const auto parts = split(trim(line), ',');
    if (parts.size() < 3 || parts[0].empty() || parts[1].empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  "line {} of the token file is not \"token,user,uid\"", number);
    }
    tokens.users_[sha256_hex(parts[0])] = {.name = std::string(parts[1]),
                                           .uid = std::string(parts[2])};
  }
  if (tokens.users_.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the token file has no token");
  }
  return tokens;
}

const User* Tokens::find(std::string_view authorization) const {
  const auto token = net::bearer_token(authorization);
  if (!token) return nullptr;
  const auto it = users_.find(sha256_hex(*token));
  return it == users_.end() ? nullptr : &it->second;
}

}  // namespace rage::cluster
