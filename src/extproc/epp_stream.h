// Endpoint picking for one request: the body is collected, the picker decides, the request goes on
// with the destination in a header and in metadata; the response streams through and is followed.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "extproc/message.h"
#include "extproc/request_relay.h"
#include "extproc/response_relay.h"
#include "picker/endpoint_picker.h"

namespace rage::extproc {

struct EppConfig {
  std::size_t body_bytes_max = std::size_t{64} << 20;     // Past that: 413.
  std::size_t header_bytes_max = std::size_t{256} << 10;  // Past that: 431.
  // Proxies do not limit how long a picker takes in kFullDuplex; these do. Between two pieces of a
  // body that is waited for; past that: 408.
  std::chrono::milliseconds body_timeout{60'000};
  // For the picker, waiting in queues included; past that: 503.
  std::chrono::milliseconds pick_timeout{120'000};
  bool emit_scores = false;    // x-gateway-destination-endpoint-scores, for debugging.
  bool ignore_subset = false;  // The proxy's subset hint.
};

// See StreamMachine. `config` outlives it.
class EppStream final : public StreamMachine {
 public:
  explicit EppStream(const EppConfig& config) : config_(config) {}
  ~EppStream() override { on_gone(); }
  EppStream(const EppStream&) = delete;
  EppStream& operator=(const EppStream&) = delete;

  Actions on_message(Message message, SteadyTime now) override;
  Actions on_pick(picker::PickOutcome outcome, SteadyTime now) override;
  Actions on_eviction(const picker::Refusal& refusal) override;
  std::optional<SteadyTime> deadline() const override { return deadline_; }
  Actions on_deadline(SteadyTime now) override;
  void on_gone() override;

 private:
  enum class Phase {
    kAwaitHeaders,
    kAwaitBody,
    kPicking,
    kRouted,
    kAnswered,  // The proxy has answered the client itself, before the request was routed.
    kClosed,
  };

  Actions dispatch(Message message);
  Actions on_request_headers(Message message);
  Actions on_request_body(Message message);
  Actions on_request_trailers();
  Actions on_response_headers(Message message);
  Actions on_response_body(Message message);
  Actions on_response_trailers();
  // `whole`: the body is known to its end, and may be parsed.
  void start_pick(bool whole, Actions& actions);
  RouteChange plan_route(picker::Pick& pick) const;
  Actions close_with(const picker::Refusal& refusal);
  void finish(picker::Completion how);

  const EppConfig& config_;
  Phase phase_ = Phase::kAwaitHeaders;
  Protocol protocol_;
  RequestRelay request_;
  ResponseRelay response_;
  net::Headers headers_;  // Of the request, until it is routed.
  std::optional<std::vector<std::string>> subset_;
  std::string collecting_;
  std::size_t body_bytes_ = 0;
  std::shared_ptr<const std::string> body_;  // While it is picked.
  bool body_whole_ = false;                  // Else it passes as it is, whatever the picker says.
  std::shared_ptr<picker::Exchange> exchange_;
  std::optional<SteadyTime> deadline_;
};

}  // namespace rage::extproc
