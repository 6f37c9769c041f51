#include "net/detail/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace rage::net::detail {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using beast::string_view;
using boost::system::error_code;

constexpr std::size_t kBodyReserveMax = 1 << 20;  // A declared length alone buys no more memory.

std::string_view view(string_view text) {
  return {text.data(), text.size()};
}

Refusal refusal_of(const error_code& error) {
  if (error == http::error::header_limit) {
    return {.status = 431, .detail = "the request header is too large"};
  }
  if (error == http::error::body_limit) {
    return {.status = 413, .detail = "the request body is too large"};
  }
  return {.status = 400, .detail = "malformed HTTP request: " + error.message()};
}

}  // namespace

// Fills a HttpRequest from the parser's events. What is refused here is refused
// before the body.
class RequestParser::Core final : public http::basic_parser<true> {
 public:
  explicit Core(const RequestLimits& limits) : limits_(limits) {
    eager(true);
    header_limit(static_cast<std::uint32_t>(limits.header_bytes_max));
    body_limit(limits.body_bytes_max);
  }

  // Beast 1.81 asserts that it sees the last chunk and its end at once. What is
  // left of a chunked body is never shorter than that, so waiting for it loses
  // nothing.
  bool waits_for_more(std::size_t bytes) const {
    return is_header_done() && chunked() && bytes < std::string_view("0\r\n\r\n").size();
  }

  ParsedRequest parsed;
  Refusal refusal;
  bool expects_continue = false;
  bool body_started = false;

 private:
  void refuse(error_code& error, int status, std::string detail) {
    refusal = {.status = status, .detail = std::move(detail)};
    error = http::error::bad_value;
  }

  // The parser takes a head line by line, so it cannot bound the whole.
  void count_head_bytes(std::size_t bytes, error_code& error) {
    head_bytes_ += bytes;
    if (head_bytes_ > limits_.header_bytes_max) error = http::error::header_limit;
  }

  void on_request_impl(http::verb, string_view method, string_view target, int version,
                       error_code& error) override {
    count_head_bytes(method.size() + target.size() + sizeof(" HTTP/1.1\r\n"), error);
    if (error) return;
    parsed.request.method = view(method);
    parsed.http_1_1 = version == 11;
    std::string_view path = view(target);
    const std::size_t scheme_end = path.find("://");
    if (!path.starts_with('/') && scheme_end != std::string_view::npos) {
      // RFC 9112 3.2.2: the form that goes through proxies.
      path.remove_prefix(scheme_end + 3);
      path.remove_prefix(std::min(path.find_first_of("/?"), path.size()));
    } else if (!path.starts_with('/') && path != "*") {
      return refuse(error, 400, "malformed HTTP request: bad target");
    }
    const std::size_t mark = path.find('?');
    if (mark != std::string_view::npos) parsed.request.query = path.substr(mark + 1);
    parsed.request.path = path.substr(0, mark);
    if (parsed.request.path.empty()) parsed.request.path = "/";
  }

  void on_field_impl(http::field field, string_view name, string_view value,
                     error_code& error) override {
    // Trailers are no headers: taking them as such would let a body overrule
    // what was checked.
    count_head_bytes(name.size() + value.size() + sizeof(":\r\n"), error);
    if (error || in_trailers_) return;
    parsed.request.headers.add(view(name), view(value));
    if (field == http::field::host) ++hosts_;
    if (field == http::field::transfer_encoding) {
      ++transfer_encodings_;
      // Anything but one "chunked" leaves the end of the body to guesses, and
      // two servers in a row that guess differently let one request hide in
      // another.
      if (!equals_ignoring_case(trim(view(value)), "chunked") || transfer_encodings_ > 1) {
        refuse(error, 501, "this transfer encoding is not supported");
      }
    }
    if (field == http::field::expect) {
      expects_continue = equals_ignoring_case(trim(view(value)), "100-continue");
      if (!expects_continue) refuse(error, 417, "this expectation is not supported");
    }
  }

  void on_header_impl(error_code& error) override {
    in_trailers_ = true;
    if (hosts_ > 1 || (hosts_ == 0 && parsed.http_1_1)) {
      return refuse(error, 400, "a request needs exactly one Host header");
    }
    if (transfer_encodings_ > 0 && !parsed.http_1_1) {
      return refuse(error, 400, "HTTP/1.0 has no transfer encodings");
    }
    parsed.keep_alive = keep_alive();
    expects_continue = expects_continue && parsed.http_1_1 && !is_done();
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) {
      parsed.request.body.reserve(
          static_cast<std::size_t>(std::min<std::uint64_t>(*length, kBodyReserveMax)));
    }
  }

  std::size_t append_body(string_view bytes) {
    body_started = true;
    parsed.request.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  std::size_t on_body_impl(string_view bytes, error_code&) override { return append_body(bytes); }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
    return append_body(bytes);
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {
    body_started = true;
  }
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, string_view, int, error_code&) override {}

  const RequestLimits& limits_;
  std::size_t head_bytes_ = 0;
  std::size_t hosts_ = 0;
  std::size_t transfer_encodings_ = 0;
  bool in_trailers_ = false;
};

RequestParser::RequestParser(const RequestLimits& limits)
    : limits_(limits), core_(std::make_unique<Core>(limits_)) {}

RequestParser::~RequestParser() = default;

std::size_t RequestParser::skip_blank_lines(std::string_view bytes) const {
  // RFC 9112 2.2: some clients send an empty line after a body.
  if (core_->got_some()) return 0;
  return std::min(bytes.find_first_not_of("\r\n"), bytes.size());
}

std::expected<std::size_t, Refusal> RequestParser::feed(std::string_view bytes) {
  CHECK(!core_->is_done());
  std::size_t used = skip_blank_lines(bytes);
  while (used < bytes.size() && !core_->is_done()) {
    const std::string_view rest = bytes.substr(used);
    if (core_->waits_for_more(rest.size())) break;
    error_code error;
    const std::size_t put = core_->put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    used += put;
    if (error == http::error::need_more || (!error && put == 0)) break;
    if (!error) continue;
    if (!core_->refusal.detail.empty()) return std::unexpected(core_->refusal);
    return std::unexpected(refusal_of(error));
  }
  return used;
}

bool RequestParser::done() const {
  return core_->is_done();
}

bool RequestParser::started() const {
  return core_->got_some();
}

bool RequestParser::take_expects_continue() {
  return core_->is_header_done() && std::exchange(core_->expects_continue, false) &&
         !core_->body_started;
}

ParsedRequest RequestParser::take() {
  CHECK(done());
  ParsedRequest parsed = std::move(core_->parsed);
  core_ = std::make_unique<Core>(limits_);
  return parsed;
}

}  // namespace rage::net::detail
