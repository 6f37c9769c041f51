// One request of a client that speaks HTTP/2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/detail/server_connection.h"
#include "gateway/detail/streams.h"

namespace rage::gateway::detail {

class Http2Session;

// Resource. The loop's thread only; owned by its session.
class Http2ServerStream final : public ClientStream {
 public:
  Http2ServerStream(Http2Session& session, std::int32_t id) : session_(session), id_(id) {}

  // For the session: what comes in.
  void take_field(std::string_view name, std::string_view value);
  void begin(ExchangeFactory& exchanges, const ConnectionLimits& limits, RequestFacts facts,
             bool has_body);
  void take_body(std::string_view bytes);
  void take_end();
  void refuse_body(Refusal refusal);
  void tell_drained();
  void tell_gone();
  void on_end_sent();
  bool waits_for_body() const { return exchange_ && !body_done_ && !paused_ && !done_; }

  void send_head(const ResponseHead& head, const Framing& framing) override;
  void send_body(std::string_view bytes) override;
  void end(const HeaderBlock* trailers) override;
  void abort() override;
  std::size_t queued() const override { return out_.size() - sent_; }
  void resume_body() override;
  void pause_body() override { paused_ = true; }

 private:
  static ssize_t read_out(nghttp2_session* native, std::int32_t id, std::uint8_t* into,
                          std::size_t size, std::uint32_t* flags, nghttp2_data_source* source,
                          void* user);
  std::optional<Refusal> check_head(const ConnectionLimits& limits, RequestFacts& facts,
                                    bool has_body);
  void send_now();
  void reset(std::uint32_t code);
  void stop_the_client();

  Http2Session& session_;
  const std::int32_t id_;
  RequestHead head_;
  std::size_t head_bytes_ = 0;
  std::shared_ptr<ExchangeHandler> exchange_;
  std::uint64_t body_bytes_ = 0;
  std::uint64_t body_bytes_max_ = 0;
  std::size_t unconsumed_ = 0;  // Of the stream's window, while the body is paused.
  std::string out_;
  std::size_t sent_ = 0;  // Of out_.
  HeaderBlock trailers_;
  bool paused_ = true;
  bool body_done_ = false;
  bool head_only_ = false;
  bool bodiless_ = false;  // The reply ended with its head.
  bool deferred_ = false;  // nghttp2 waits for more to send.
  bool ended_ = false;     // Nothing is added to out_ any more.
  bool end_sent_ = false;  // And all of it has left.
  bool done_ = false;      // The exchange wants to hear no more.
};

}  // namespace rage::gateway::detail
