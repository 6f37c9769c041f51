#include "assistant/cors.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace rage::assistant {
namespace {

constexpr std::array<std::string_view, 5> kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};
constexpr const char* kMethodList = "GET, POST, PUT, PATCH, DELETE";

bool is_allowed(const CorsOptions& options, std::string_view origin) {
  return std::ranges::any_of(options.origins, [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

net::HttpResponse plain(int status, std::string text) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"}},
          .body = std::move(text)};
}

}  // namespace

std::vector<std::string> parse_origins(std::string_view list) {
  std::vector<std::string> origins;
  for (const std::string_view part : split(list, ',')) {
    if (const std::string_view origin = trim(part); !origin.empty()) origins.emplace_back(origin);
  }
  return origins;
}

std::optional<net::HttpResponse> answer_preflight(const CorsOptions& options,
                                                  const net::HttpRequest& request) {
  const std::string_view origin = request.headers.find("origin");
  const std::string_view method = request.headers.find("access-control-request-method");
  if (request.method != "OPTIONS" || origin.empty() || method.empty()) return std::nullopt;
  const bool known_origin = is_allowed(options, origin);
  const bool known_method = std::ranges::find(kMethods, method) != kMethods.end();
  std::string refused;
  if (!known_origin) refused = "origin";
  if (!known_method) refused += refused.empty() ? "method" : ", method";
  net::HttpResponse response =
      refused.empty() ? plain(200, "OK") : plain(400, "Disallowed CORS " + refused);
  response.headers.set("vary", "Origin");
  response.headers.set("access-control-allow-methods", kMethodList);
  response.headers.set("access-control-max-age", "600");
  response.headers.set("access-control-allow-credentials", "true");
  if (known_origin) response.headers.set("access-control-allow-origin", origin);
  const std::string_view wanted = request.headers.find("access-control-request-headers");
  if (known_origin && !wanted.empty()) {
    response.headers.set("access-control-allow-headers", wanted);
  }
  return response;
}

std::vector<std::pair<std::string, std::string>> cors_headers(const CorsOptions& options,
                                                              const net::HttpRequest& request) {
  const std::string_view origin = request.headers.find("origin");
  if (origin.empty()) return {};
  std::vector<std::pair<std::string, std::string>> headers = {
      {"access-control-allow-credentials", "true"}};
  if (is_allowed(options, origin)) {
    headers.emplace_back("access-control-allow-origin", origin);
    headers.emplace_back("vary", "Origin");
  }
  return headers;
}

}  // namespace rage::assistant
