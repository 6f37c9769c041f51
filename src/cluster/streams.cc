#include "cluster/detail/streams.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

constexpr std::string_view kProtocolHeader = "x-stream-protocol-version";

bool has_word(std::string_view list, std::string_view word) {
  const auto words = split(list, ',');
  return std::ranges::any_of(
      words, [&](std::string_view each) { return equals_ignoring_case(trim(each), word); });
}

std::optional<std::string> choose_protocol(const net::HttpRequest& request,
                                           const std::vector<std::string>& spoken) {
  for (const std::string& protocol : spoken) {
    for (const auto& [name, value] : request.headers.entries()) {
      if (equals_ignoring_case(name, kProtocolHeader) && has_word(value, protocol)) return protocol;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<StreamSession>> StreamSession::accept(
    const net::HttpRequest& request, const std::vector<std::string>& protocols,
    net::ResponseWriter& writer) {
  // kubectl asks for WebSockets first, and then for this.
  if (!has_word(request.headers.find("upgrade"), "SPDY/3.1")) {
    return fail(
        kubeobjects::bad_request("this is spoken over SPDY/3.1, which kubectl falls back to: "
                                 "ask with the headers Connection: Upgrade and "
                                 "Upgrade: SPDY/3.1"));
  }
  const auto protocol = choose_protocol(request, protocols);
  if (!protocol) {
    return fail(kubeobjects::status_error(
        {.http_status = 403, .reason = "Forbidden"},
        fmt::format("{} must be one of: {}", kProtocolHeader, join(protocols, ", "))));
  }
  net::Upgrade* const tunnel = net::upgrade_of(writer);
  if (tunnel == nullptr)
    return fail(kubeobjects::bad_request("this connection cannot be upgraded"));
  RETURN_IF_ERROR(tunnel->upgrade("SPDY/3.1", {{std::string(kProtocolHeader), *protocol}}));
  return std::make_unique<StreamSession>(*tunnel);
}

std::optional<SpdyFrame> StreamSession::next() {
  while (true) {
    while (!frames_.empty()) {
      SpdyFrame frame = std::move(frames_.front());
      frames_.pop_front();
      switch (frame.type) {
        case SpdyFrame::Type::kGoAway:
          return std::nullopt;
        case SpdyFrame::Type::kPing:
          (void)write(render_spdy_ping(frame.stream));
          continue;
        case SpdyFrame::Type::kOpen:
          (void)write(render_spdy_reply(frame.stream, !std::exchange(replied_, true)));
          return frame;
        case SpdyFrame::Type::kData:
        case SpdyFrame::Type::kReset:
          return frame;
      }
    }
    const auto bytes = tunnel_.read();
    if (!bytes || bytes->empty()) return std::nullopt;
    auto frames = reader_.feed(*bytes);
    if (!frames) return std::nullopt;
    std::ranges::move(*frames, std::back_inserter(frames_));
  }
}

Result<void> StreamSession::send(std::uint32_t stream, std::string_view bytes, StreamEnd end) {
  do {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(piece.size());
    const bool fin = end == StreamEnd::kClosed && bytes.empty();
    RETURN_IF_ERROR(write(render_spdy_data(stream, piece, fin)));
  } while (!bytes.empty());
  return {};
}

void StreamSession::reset(std::uint32_t stream, std::uint32_t status) {
  (void)write(render_spdy_reset(stream, status));
}

// A frame that was cut off is the last of the connection.
Result<void> StreamSession::write(const std::string& frame) {
  MutexLock lock(mutex_);
  if (failed_) return fail(ErrorCode::kCancelled, "the client has gone");
  const Result<void> written = tunnel_.write(frame);
  if (!written) failed_ = true;
  return written;
}

}  // namespace rage::cluster::detail
