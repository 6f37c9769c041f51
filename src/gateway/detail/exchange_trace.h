// The part of a trace that is one exchange: the request, each question to a picker, each attempt.
// Pickers and upstreams get the span that they were asked in.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway/detail/message.h"
#include "obs/tracer.h"

namespace rage::gateway::detail {

// Resource. The loop's thread only.
class ExchangeTrace final {
 public:
  // Null if `tracer` is, or is off: `traceparent` then passes as it came.
  static std::unique_ptr<ExchangeTrace> begin(const obs::Tracer* tracer, const RequestHead& head,
                                              std::string_view host);

  // Each writes `traceparent` and `tracestate` of what begins into `head`.
  void begin_pick(RequestHead& head);
  void begin_attempt(std::string_view endpoint, RequestHead& head);

  void end_pick(std::string_view endpoint);
  void fail_pick(std::string_view why);  // From a closed set, as below.
  void note_attempt_status(int status);
  void end_attempt() { attempt_.end(); }
  void fail_attempt(std::string_view why);

  struct End {
    int status = 0;  // 0: nothing was answered.
    std::string_view route;
    std::string_view backend;
    std::string_view model;
    std::uint32_t retries = 0;
    bool client_gone = false;
    bool cut_off = false;
  };
  void end(const End& end);

 private:
  ExchangeTrace() = default;

  obs::Span request_;
  obs::Span pick_;
  obs::Span attempt_;
};

}  // namespace rage::gateway::detail
