// meta/v1 Status to our Error.
#pragma once

#include "base/error.h"
#include "codec/json.h"
#include "net/http.h"

namespace rage::kube::detail {

// Of a reply that is no success. Retry-After (seconds) becomes retry_after.
Error reply_error(const net::HttpResponse& reply);
// Of an ERROR event's object.
Error status_error(const codec::Json& status);

}  // namespace rage::kube::detail
