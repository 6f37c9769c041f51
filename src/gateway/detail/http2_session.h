// HTTP/2 with one client: each stream is an exchange of its own.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/detail/server_connection.h"
#include "gateway/detail/streams.h"

namespace rage::gateway::detail {

// What a client that speaks HTTP/2 begins with.
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class Http2ServerStream;

// Resource. The loop's thread only; owned by its connection.
class Http2Session final : public ServerSession {
 public:
  explicit Http2Session(ServerConnection& connection);
  ~Http2Session() override;

  std::size_t consume(std::string_view in) override;
  bool wants_input() const override { return !failed_; }
  void on_flush() override;
  void on_drained() override { connection_.flush_later(); }
  void on_read_timeout() override;
  void on_closed() override;
  void drain() override;

 private:
  friend class Http2ServerStream;
  friend struct Http2ServerCallbacks;

  void begin(Http2ServerStream& stream, bool has_body);
  void end_stream(std::int32_t id);
  void arm_timer();
  Http2ServerStream* find(std::int32_t id);

  ServerConnection& connection_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<Http2ServerStream>> streams_;
  std::vector<std::int32_t> drained_;  // Streams whose queue has just become low.
  bool failed_ = false;
};

}  // namespace rage::gateway::detail
