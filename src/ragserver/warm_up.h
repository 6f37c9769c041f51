// What a service answers from the moment its port is open: how far the start is, and once that is
// done, whatever the service answers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "codec/json.h"
#include "net/http.h"
#include "net/http_server.h"

namespace rage::ragserver {

// Resource. Thread-safe. The clock outlives it.
class WarmUp final {
 public:
  explicit WarmUp(const Clock& clock) : clock_(clock) {}
  WarmUp(const WarmUp&) = delete;
  WarmUp& operator=(const WarmUp&) = delete;

  // A part of the start begins ("embedder"), and with it the one before has ended.
  void begin(std::string_view stage);
  // The start has ended: `service` answers from now on. It outlives the requests.
  void finish(net::HttpHandler service);

  // An HttpHandler. Until finish() everything is 503 with Retry-After; GET /readyz and /health say
  // which stage it is.
  void handle(const Context& context, const net::HttpRequest& request, net::ResponseWriter& writer);
  // [{"stage", "state": "done" or "running", "seconds"}], in order.
  codec::Json stages() const;

 private:
  struct Stage {
    std::string name;
    SteadyTime began;
    std::chrono::duration<double> took{0};
    bool done = false;
  };
  static void end_last(std::vector<Stage>& stages, SteadyTime now);

  const Clock& clock_;
  Guarded<std::vector<Stage>> stages_;
  net::HttpHandler service_;  // Written once, before `finished_` is set.
  std::atomic<bool> finished_ = false;
};

}  // namespace rage::ragserver
