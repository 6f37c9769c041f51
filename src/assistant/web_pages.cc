#include "assistant/detail/web_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "assistant/page_files.h"
#include "base/sha256.h"

namespace rage::assistant {
namespace {

using net::HttpRequest;
using net::HttpResponse;

constexpr std::string_view kAssets = "/assets/";
constexpr std::string_view kOperatorPage = "/operator";
constexpr std::string_view kAgentPaths[] = {"/health",   "/ready",    "/metrics",
                                            "/chat",     "/config",   "/models",
                                            "/schedule", "/calendar", "/sessions"};

// "/" or "/{anything}".
bool is_session_path(std::string_view path) {
  return path.starts_with("/") && path.find('/', 1) == std::string_view::npos;
}

HttpResponse text_reply(int status, std::string text) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"}},
          .body = std::move(text)};
}

// Out of the executable.
HttpResponse file_reply(const HttpRequest& request, std::string_view name) {
  const auto files = page_files();
  const auto file = std::ranges::find(files, name, &PageFile::name);
  return file == files.end() ? text_reply(404, "Not Found\n") : net::page_reply(request, *file);
}

// Out of the theme.
HttpResponse theme_reply(const HttpRequest& request, std::string_view type,
                         const std::string& bytes) {
  const std::string etag = fmt::format("\"{}\"", sha256_hex(bytes).substr(0, 16));
  return net::page_reply(request, {.name = {}, .content_type = type, .etag = etag, .bytes = bytes});
}

HttpResponse asset_reply(const HttpRequest& request, const WebOptions& options) {
  const std::string_view name = std::string_view(request.path).substr(kAssets.size());
  const PageTheme& theme = options.theme;
  if (name == "theme.css") return theme_reply(request, "text/css; charset=utf-8", theme.css);
  if (name == "logo" && !theme.logo.empty())
    return theme_reply(request, theme.logo_type, theme.logo);
  return file_reply(request, name);
}

}  // namespace

bool is_page_request(const HttpRequest& request, const WebOptions& options) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (request.path == "/" || request.path.starts_with(kAssets)) return true;
  if (options.desk != nullptr && request.path == kOperatorPage) return true;
  if (!is_session_path(request.path)) return false;
  if (std::ranges::find(kAgentPaths, request.path) != std::end(kAgentPaths)) return false;
  return request.headers.find("accept").find("text/html") != std::string_view::npos;
}

HttpResponse answer_page(const HttpRequest& request, const WebOptions& options) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refusal = text_reply(405, "Method Not Allowed\n");
    refusal.headers.set("allow", "GET, HEAD");
    return refusal;
  }
  const std::string_view path = request.path;
  if (path.starts_with(kAssets)) return asset_reply(request, options);
  if (options.desk != nullptr && path == kOperatorPage) return file_reply(request, "operator.html");
  if (is_session_path(path)) return file_reply(request, "index.html");
  return text_reply(404, "Not Found\n");
}

}  // namespace rage::assistant
