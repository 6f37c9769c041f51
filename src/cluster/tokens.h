// Who may talk to the API server: bearer tokens from a file, as kube-apiserver's
// --token-auth-file has them ("token,user,uid,\"group,group\"", one a line).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::cluster {

struct User {
  std::string name;
  std::string uid;
};

// Value, immutable.
class Tokens final {
 public:
  // kInvalidArgument names the line; a file without a token is refused.
  static Result<Tokens> parse(std::string_view text);

  // Null if `authorization` ("Bearer ...") is nobody's. Takes as long for any wrong token.
  const User* find(std::string_view authorization) const;

 private:
  std::map<std::string, User, std::less<>> users_;  // By the token's SHA-256.
};

}  // namespace rage::cluster
