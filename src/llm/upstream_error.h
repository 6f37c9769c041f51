// What a model server means when it refuses. Private to the room.
#pragma once

#include <optional>

#include "base/error.h"
#include "codec/json.h"
#include "net/http.h"

namespace rage::llm {

// For a reply whose status is not 200.
Error upstream_error(const net::HttpResponse& reply);

// The error that some servers put into a 200 or into a stream: {"error":{"message","code"}}.
std::optional<Error> find_error_in(const codec::Json& reply);

}  // namespace rage::llm
