#include "assistant/detail/web_pages.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "assistant/page_files.h"

namespace rage::assistant {
namespace {

using net::HttpRequest;
using net::HttpResponse;

constexpr std::string_view kAssets = "/assets/";
constexpr std::string_view kAgentPaths[] = {"/health", "/ready", "/metrics", "/chat", "/sessions"};

// Nothing runs that is not ours, nothing is fetched elsewhere, and no text becomes HTML.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

// "/" or "/{anything}".
bool is_session_path(std::string_view path) {
  return path.starts_with("/") && path.find('/', 1) == std::string_view::npos;
}

HttpResponse text_reply(int status, std::string text) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"}},
          .body = std::move(text)};
}

HttpResponse file_reply(const HttpRequest& request, std::string_view name) {
  const auto files = page_files();
  const auto file = std::ranges::find(files, name, &PageFile::name);
  if (file == files.end()) return text_reply(404, "Not Found\n");
  HttpResponse reply{
      .status = 200,
      .headers = {{"content-type", std::string(file->content_type)},
                  {"etag", std::string(file->etag)},
                  {"cache-control", "no-cache"},
                  {"content-security-policy", std::string(kPolicy)},
                  {"x-content-type-options", "nosniff"},
                  {"x-frame-options", "DENY"},
                  {"referrer-policy", "no-referrer"},
                  {"cross-origin-opener-policy", "same-origin"},
                  {"permissions-policy", "camera=(), microphone=(), geolocation=()"}},
      .body = {}};
  if (request.headers.find("if-none-match") == file->etag) {
    reply.status = 304;
  } else {
    reply.body = std::string(file->bytes);
  }
  return reply;
}

}  // namespace

bool is_page_request(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (request.path == "/" || request.path.starts_with(kAssets)) return true;
  if (!is_session_path(request.path)) return false;
  if (std::ranges::find(kAgentPaths, request.path) != std::end(kAgentPaths)) return false;
  return request.headers.find("accept").find("text/html") != std::string_view::npos;
}

HttpResponse answer_page(const HttpRequest& request) {
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse refusal = text_reply(405, "Method Not Allowed\n");
    refusal.headers.set("allow", "GET, HEAD");
    return refusal;
  }
  const std::string_view path = request.path;
  if (path.starts_with(kAssets)) return file_reply(request, path.substr(kAssets.size()));
  if (is_session_path(path)) return file_reply(request, "index.html");
  return text_reply(404, "Not Found\n");
}

}  // namespace rage::assistant
