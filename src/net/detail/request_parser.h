// Bytes to HttpRequest (RFC 9112), pure: the server's only reader of untrusted text, and the seam
// that the fuzzer drives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "net/http.h"

namespace rage::net::detail {

struct RequestLimits {
  std::size_t header_bytes_max = 64 << 10;
  std::size_t body_bytes_max = std::size_t{64} << 20;
};

// Why a request is not served: the connection answers so and closes, for it no longer knows where
// the next request begins.
struct Refusal {
  int status = 400;
  std::string detail;
  bool operator==(const Refusal&) const = default;
};

struct ParsedRequest {
  HttpRequest request;
  bool http_1_1 = true;
  bool keep_alive = true;
};

// Resource. One thread. Reads one request after the other.
class RequestParser final {
 public:
  explicit RequestParser(const RequestLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // How many of `bytes` were used; the caller keeps the rest, reads more behind it, and comes again
  // unless done(). Head and chunk lines are only used whole, so the caller must be able to hold
  // header_bytes_max bytes. Not to be called when done() or after a refusal.
  std::expected<std::size_t, Refusal> feed(std::string_view bytes);

  bool done() const;
  // Something of the next request has been seen.
  bool started() const;
  // True once for a request that wants "100 Continue" before it sends its body.
  bool take_expects_continue();
  // The request, when done(); the parser then stands before the next one.
  ParsedRequest take();

 private:
  class Core;
  std::size_t skip_blank_lines(std::string_view bytes) const;

  const RequestLimits limits_;
  std::unique_ptr<Core> core_;
};

}  // namespace rage::net::detail
