// HTTP/1.1 with one client: requests one after the other, each an exchange of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway/detail/http1_body.h"
#include "gateway/detail/http1_head.h"
#include "gateway/detail/server_connection.h"
#include "gateway/detail/streams.h"

namespace rage::gateway::detail {

// Resource. The loop's thread only; owned by its connection.
class Http1Session final : public ServerSession, public ClientStream {
 public:
  explicit Http1Session(ServerConnection& connection);

  std::size_t consume(std::string_view in) override;
  bool wants_input() const override;
  void on_flush() override;
  void on_drained() override;
  void on_read_timeout() override;
  void on_closed() override;
  void drain() override;

  void send_head(const ResponseHead& head, const Framing& framing) override;
  void send_body(std::string_view bytes) override;
  void end(const HeaderBlock* trailers) override;
  void abort() override;
  std::size_t queued() const override { return connection_.queued(); }
  void resume_body() override;
  void pause_body() override;

 private:
  // Of the request; the response goes its own way.
  enum class Phase : std::uint8_t { kHead, kBody, kComplete, kDiscard };

  std::size_t take_head(std::string_view in);
  std::size_t take_body(std::string_view in);
  void begin(ParsedRequestHead parsed);
  void refuse(const Refusal& refusal);
  void refuse_body(Refusal refusal);
  void next_turn();
  bool may_discard_rest() const;

  ServerConnection& connection_;
  HeadScanner scanner_;
  BodyDecoder decoder_;
  std::shared_ptr<ExchangeHandler> exchange_;
  std::uint64_t body_bytes_ = 0;
  Phase phase_ = Phase::kHead;
  Framing::Kind response_framing_ = Framing::Kind::kNone;
  bool started_ = false;  // Bytes of a head have come.
  bool paused_ = true;
  bool http_1_1_ = true;
  bool head_only_ = false;
  bool keep_alive_ = true;
  bool continue_wanted_ = false;  // The client waits for "100 Continue".
  bool response_begun_ = false;
  bool response_done_ = false;
};

}  // namespace rage::gateway::detail
