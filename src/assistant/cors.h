// Which pages of other origins may use the assistant (Fetch Standard, CORS protocol), as
// Starlette's middleware answers. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace rage::assistant {

struct CorsOptions {
  std::vector<std::string> origins = {"http://localhost:3000"};  // "*": every origin.
};

// "http://a, http://b"
std::vector<std::string> parse_origins(std::string_view list);

// The answer to a preflight request: 200, or 400 that says what is not allowed. None: not one.
std::optional<net::HttpResponse> answer_preflight(const CorsOptions& options,
                                                  const net::HttpRequest& request);

// What every other answer to this request carries besides; none without an Origin.
std::vector<std::pair<std::string, std::string>> cors_headers(const CorsOptions& options,
                                                              const net::HttpRequest& request);

}  // namespace rage::assistant
