// Errors as KAITO's clients expect them: {"detail": "..."} and a status.
#pragma once

#include <string_view>

#include "base/error.h"
#include "codec/json.h"
#include "net/http.h"

namespace rage::ragserver {

net::HttpResponse json_ok(const codec::Json& body);
int http_status_of(ErrorCode code);
net::HttpResponse render_error(const Error& error);
net::HttpResponse render_error(int status, std::string_view detail);

}  // namespace rage::ragserver
