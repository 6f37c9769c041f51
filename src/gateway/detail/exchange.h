// One request from its head to the end of its reply: route, hold or stream the body, pick, forward,
// try again, answer. The decisions are in filters.h, retry.h, admission.h; this acts on them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/detail/exchange_trace.h"
#include "gateway/detail/filters.h"
#include "gateway/detail/models_query.h"
#include "gateway/detail/retry.h"
#include "gateway/detail/streams.h"
#include "gateway/detail/worker_context.h"
#include "gateway/ext_proc_picker.h"
#include "net/address.h"

namespace rage::gateway::detail {

// Resource. The loop's thread only. Pickers come back through the loop.
class Exchange final : public ExchangeHandler,
                       public UpstreamEvents,
                       public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(WorkerContext& worker, ClientStream& client, RequestHead head, RequestFacts facts);
  ~Exchange() override;

  void start() override;
  void on_body(std::string_view bytes) override;
  void on_body_end() override;
  void on_body_refused(const Refusal& refusal) override;
  void on_client_gone() override;
  void on_client_drained() override;

  void on_upstream_head(ResponseHead head, const Framing& framing) override;
  void on_upstream_body(std::string_view bytes) override;
  void on_upstream_end(const HeaderBlock* trailers) override;
  void on_upstream_failure(UpstreamFailure failure) override;
  void on_upstream_drained() override;

 private:
  enum class Body : std::uint8_t {
    kNone,
    kHeldForRouting,
    kHeldForForwarding,
    kStreamed,
  };

  // exchange.cc
  bool held() const {
    return body_mode_ == Body::kHeldForRouting || body_mode_ == Body::kHeldForForwarding;
  }
  void hold(Body why);
  void hold_bytes(std::string_view bytes);
  void stream_bytes(std::string_view bytes);
  void reply(int status, std::string_view message);
  void reply(const ResponseHead& head, std::string_view body);
  void abort();
  void let_go();
  void stop_picking();
  void finish(picker::Completion how);
  void end_trace(picker::Completion how);
  void log_access(std::string_view ending);
  void on_request_timeout();

  // exchange_route.cc
  void route();
  bool admit();
  bool apply_rule_filters(std::string_view matched_prefix);
  void arm_request_timer();
  void forward();
  void to_service();
  void send_mirrors();

  // exchange_models.cc
  bool asks_for_models(const gatewayapi::Match* match) const;
  void list_models();
  void on_models(ModelsByPool found);
  bool routes_model_to(std::string_view model, const gatewayapi::ObjectName& pool) const;

  // exchange_pick.cc
  void note_model();
  void to_pool();
  void pick(std::optional<std::vector<std::string>> subset);
  void on_pick(picker::PickOutcome outcome);
  void take_pick(picker::Pick pick);
  void refuse(const picker::Refusal& refusal);
  void fail_open(std::string_view why);
  std::vector<net::Address> unnamed() const;  // Of the pool's endpoints, those in no pick yet.
  void pick_again();
  void on_evicted(const picker::Refusal& refusal);

  // exchange_forward.cc
  void attempt(UpstreamPool::Reuse reuse);
  void send_request();
  void send_held();
  void drop_upstream();
  void retry_or(const FailedAttempt& failed, int status, std::string_view message);
  bool try_again(const FailedAttempt& failed);
  void next_attempt();
  void arm_attempt_timer(std::chrono::milliseconds delay);
  void on_attempt_timer();
  void show_reply_head(ResponseHead head, const Framing& framing);
  void ask_about_head(RemoteExchange& remote, picker::ResponseHead shown);
  void on_head_shown(const RemoteExchange::Headers& headers);
  void send_reply_head(ResponseHead head, const Framing& framing);
  void send_reply_body(std::string_view bytes);

  WorkerContext& worker_;
  ClientStream& client_;
  RequestHead head_;
  RequestFacts facts_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const ListenerConfig* const listener_;  // Of the snapshot; null: it is gone.
  const SteadyTime began_;
  std::string host_;  // Of the client's request: lower case, without port.

  std::unique_ptr<ExchangeTrace> trace_;  // Null: tracing is off.

  // Where it goes.
  const VirtualHost* virtual_host_ = nullptr;
  const gatewayapi::Rule* rule_ = nullptr;
  const gatewayapi::Backend* backend_ = nullptr;
  const PoolBackend* pool_ = nullptr;
  bool h2c_ = false;
  FilterOutcome filtered_;
  std::vector<net::Address> destinations_;
  std::size_t destination_ = 0;  // Index of the one in use.

  // Its body. Held: all of it, once body_done_. Streamed: what has passed, as long as that is
  // little enough to be sent again.
  Body body_mode_ = Body::kNone;
  bool body_done_ = false;
  bool body_empty_ = false;
  bool replayable_ = true;
  std::string body_;
  std::shared_ptr<const std::string> held_;  // body_, once it is complete.
  std::size_t held_sent_ = 0;                // Of held_, in this attempt.
  std::uint64_t accounted_ = 0;              // In worker_.held_bytes.

  // Its endpoint.
  std::unique_ptr<picker::PickTicket> ticket_;
  std::shared_ptr<picker::Exchange> picked_;
  std::string model_;
  bool picking_ = false;
  std::vector<net::Address> named_;  // In all picks.
  bool repick_ = false;              // After the pause.
  bool body_rewritten_ = false;      // Then the reply's model may be put back to what it was.

  std::unique_ptr<ModelsQuery> models_query_;

  // The attempt.
  UpstreamStream* upstream_ = nullptr;
  bool request_ended_ = false;  // In this attempt.
  bool upstream_paused_ = false;
  std::uint32_t retries_ = 0;
  bool stale_retried_ = false;
  std::unique_ptr<net::Timer> request_timer_;
  // The backend's time, the pause before a retry, or a picker's time.
  std::unique_ptr<net::Timer> attempt_timer_;

  // The reply.
  // A head that a remote picker is being asked about, and what came after it meanwhile.
  struct ShownHead {
    ResponseHead head;
    Framing framing;
    std::string body;
    bool ended = false;
    HeaderBlock trailers;
  };
  std::unique_ptr<ShownHead> shown_;
  int status_ = 0;
  bool replying_ = false;
  bool cut_off_ = false;
  bool done_ = false;
  bool body_shown_ = false;                  // picked_ sees the reply's body.
  std::optional<std::uint64_t> reply_left_;  // Bytes still owed to the client; none: chunked.
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
};

}  // namespace rage::gateway::detail
