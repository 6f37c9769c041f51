// A certificate that nobody verifies: proxies speak TLS to a picker without checking who it is, as
// the reference does it.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "net/http_server.h"

namespace rage::net {

// P-256, its own issuer, ten years from a day before `now`. kInternal if OpenSSL fails.
Result<ServerCertificate> make_self_signed(WallTime now);

}  // namespace rage::net
