#include "net/page_file.h"

#include <string>

namespace rage::net {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

}  // namespace

HttpResponse page_reply(const HttpRequest& request, const PageFile& file) {
  HttpResponse reply{
      .status = 200,
      .headers = {{"content-type", std::string(file.content_type)},
                  {"etag", std::string(file.etag)},
                  {"cache-control", "no-cache"},
                  {"content-security-policy", std::string(kPolicy)},
                  {"x-content-type-options", "nosniff"},
                  {"x-frame-options", "DENY"},
                  {"referrer-policy", "no-referrer"},
                  {"cross-origin-opener-policy", "same-origin"},
                  {"permissions-policy", "camera=(), microphone=(), geolocation=()"}},
      .body = {}};
  if (request.headers.find("if-none-match") == file.etag) {
    reply.status = 304;
  } else {
    reply.body = std::string(file.bytes);
  }
  return reply;
}

}  // namespace rage::net
