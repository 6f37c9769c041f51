// A certificate that nobody verifies: proxies speak TLS to a picker without checking who it is, as
// the reference does it.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "net/http_server.h"

namespace rage::net {

// P-256, its own issuer, ten years from a day before `now`. `names`: DNS names, "*." in front
// allowed, and IP addresses; at most 100. kInvalidArgument: one of them is neither; kInternal if
// OpenSSL fails.
Result<ServerCertificate> make_self_signed(WallTime now, const std::vector<std::string>& names = {
                                                             "localhost", "127.0.0.1"});

}  // namespace rage::net
