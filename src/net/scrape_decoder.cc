#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "net/detail/scrape_decoder.h"

namespace rage::net::detail {
namespace {

std::optional<std::uint64_t> parse_hex(std::string_view text) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const char lower = static_cast<char>(c | 0x20);
    if (is_ascii_digit(c)) {
      value = value * 16 + static_cast<std::uint64_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<std::uint64_t>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

// "keep-alive, Upgrade" has "upgrade".
bool has_token(std::string_view list, std::string_view token) {
  return std::ranges::any_of(split(list, ','), [token](std::string_view part) {
    return equals_ignoring_case(trim(part), token);
  });
}

std::unexpected<Error> no_http(std::string message) {
  return fail(ErrorCode::kDataLoss, std::move(message));
}

}  // namespace

void ScrapeDecoder::reset() {
  state_ = State::kStatusLine;
  line_.clear();
  line_bytes_ = 0;
  left_ = 0;
  body_bytes_ = 0;
  length_.reset();
  status_ = 0;
  begun_ = false;
  chunked_ = false;
  keep_alive_ = false;
}

// True: line_ is complete, without its line break.
Result<bool> ScrapeDecoder::take_line(std::string_view& input) {
  const std::size_t end = input.find('\n');
  const std::size_t taken = end == std::string_view::npos ? input.size() : end + 1;
  line_bytes_ += taken;
  if (line_bytes_ > head_bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "the reply's head is too large");
  }
  line_.append(input.substr(0, taken));
  input.remove_prefix(taken);
  if (end == std::string_view::npos) return false;
  line_.pop_back();
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  return true;
}

// "HTTP/1.1 200 OK"
Result<void> ScrapeDecoder::on_status_line() {
  const std::string_view line = line_;
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') {
    return no_http("the reply is no HTTP/1.x");
  }
  const auto status = parse_uint(line.substr(9, 3));
  if (!status || *status < 200 || (line.size() > 12 && line[12] != ' ')) {
    return no_http("the reply has no final status");
  }
  status_ = static_cast<int>(*status);
  keep_alive_ = line[7] != '0';
  state_ = State::kHeaders;
  return {};
}

Result<void> ScrapeDecoder::on_header() {
  const std::string_view line = line_;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return no_http("a header without a name");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) {
    const auto length = parse_uint(value);
    if (!length || (length_ && *length_ != *length)) return no_http("a wrong content-length");
    length_ = length;
  } else if (equals_ignoring_case(name, "transfer-encoding")) {
    if (!equals_ignoring_case(value, "chunked")) return no_http("an unknown transfer-encoding");
    chunked_ = true;
  } else if (equals_ignoring_case(name, "content-encoding")) {
    if (!equals_ignoring_case(value, "identity")) return no_http("a compressed reply");
  } else if (equals_ignoring_case(name, "connection")) {
    if (has_token(value, "close")) keep_alive_ = false;
    if (has_token(value, "keep-alive")) keep_alive_ = true;
  }
  return {};
}

Result<void> ScrapeDecoder::on_head_end() {
  if (status_ == 204 || status_ == 304) {
    state_ = State::kDone;
    return {};
  }
  if (chunked_) {
    if (length_) keep_alive_ = false;  // Smuggling, or a broken proxy: RFC 9112, 6.3.
    state_ = State::kChunkSize;
    return {};
  }
  if (!length_) {
    keep_alive_ = false;
    state_ = State::kUntilClose;
    return {};
  }
  if (*length_ > body_bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "the reply's body is too large");
  }
  left_ = *length_;
  state_ = left_ == 0 ? State::kDone : State::kCounted;
  return {};
}

Result<void> ScrapeDecoder::on_chunk_size() {
  const std::string_view line = line_;
  const auto size = parse_hex(trim(line.substr(0, line.find(';'))));
  if (!size) return no_http("a wrong chunk size");
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailers : State::kChunk;
  return {};
}

Result<void> ScrapeDecoder::on_line() {
  switch (state_) {
    case State::kStatusLine:
      return on_status_line();
    case State::kHeaders:
      return line_.empty() ? on_head_end() : on_header();
    case State::kChunkSize:
      return on_chunk_size();
    case State::kChunkEnd:
      if (!line_.empty()) return no_http("a chunk is longer than its size");
      state_ = State::kChunkSize;
      return {};
    case State::kTrailers:
      if (line_.empty()) state_ = State::kDone;
      return {};
    case State::kCounted:
    case State::kUntilClose:
    case State::kChunk:
    case State::kDone:
      break;
  }
  return {};
}

Result<std::string_view> ScrapeDecoder::take_body(std::string_view& input) {
  const bool counted = state_ != State::kUntilClose;
  const std::size_t taken =
      counted ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()))
              : input.size();
  body_bytes_ += taken;
  if (body_bytes_ > body_bytes_max_) {
    return fail(ErrorCode::kResourceExhausted, "the reply's body is too large");
  }
  const std::string_view piece = input.substr(0, taken);
  input.remove_prefix(taken);
  line_bytes_ = 0;
  if (counted) left_ -= taken;
  if (counted && left_ == 0) {
    state_ = state_ == State::kChunk ? State::kChunkEnd : State::kDone;
  }
  return piece;
}

Result<std::string_view> ScrapeDecoder::next(std::string_view& input) {
  begun_ = begun_ || !input.empty();
  while (!input.empty() && !done()) {
    if (state_ == State::kCounted || state_ == State::kUntilClose || state_ == State::kChunk) {
      return take_body(input);
    }
    ASSIGN_OR_RETURN(const bool complete, take_line(input));
    if (!complete) break;
    RETURN_IF_ERROR(on_line());
    line_.clear();
  }
  return std::string_view();
}

Result<void> ScrapeDecoder::finish() {
  keep_alive_ = false;
  if (state_ == State::kUntilClose) state_ = State::kDone;
  if (!done()) return no_http("the reply was cut off");
  return {};
}

}  // namespace rage::net::detail
