// HTTP messages as values (RFC 9110), shared by server and client.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rage::net {

// Value. Names compare without case; order and duplicates are kept.
class Headers final {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> entries) : entries_(entries) {}
  // Empty if absent; the first if there are several.
  std::string_view find(std::string_view name) const;
  bool has(std::string_view name) const;
  void set(std::string_view name, std::string_view value);  // Replaces all of that name.
  void add(std::string_view name, std::string_view value);
  const std::vector<std::pair<std::string, std::string>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, std::string>> entries_;
};

struct HttpRequest {
  std::string method;  // "GET"
  std::string path;    // As sent, still percent-encoded, without the query: "/indexes/a%2Fb"
  std::string query;   // Without '?'.
  Headers headers;
  std::string body;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  std::string body;

  static HttpResponse json(int status, std::string body) {
    return {.status = status,
            .headers = {{"content-type", "application/json"}},
            .body = std::move(body)};
  }
};

std::string_view reason_phrase(int status);

}  // namespace rage::net
