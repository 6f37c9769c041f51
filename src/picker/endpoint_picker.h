// The endpoint picker of one pool, as whoever forwards requests uses it: the ext_proc server and
// the embedded gateway alike. It reads the body, rewrites the model, admits or queues, schedules,
// and follows the exchange until it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "net/http.h"

namespace rage::picker {

struct PickRequest {
  std::string method = {};
  std::string path = {};      // With its query.
  net::Headers headers = {};  // Names in lower case, without pseudo headers.
  // Null: the request has no body; a ready endpoint is chosen at random.
  std::shared_ptr<const std::string> body = {};
  // "ip:port" each. Present: only these; present and empty: none is eligible.
  std::optional<std::vector<std::string>> subset = {};
};

// Why a request goes nowhere. Rendered "inference error: <code_name> - <message>".
struct Refusal {
  int status = 503;
  std::string code_name = {};  // "BadRequest", "ServiceUnavailable", "Internal", ...
  std::string message = {};
  std::string dropped_reason = {};  // x-llm-d-request-dropped-reason; empty: none.
  std::optional<std::chrono::seconds> retry_after = {};
  std::string text() const { return "inference error: " + code_name + " - " + message; }
};

enum class Completion { kNormal, kClientDisconnect, kEvicted, kError };

struct ResponseHead {
  int status = 0;
  net::Headers headers = {};
  std::string served = {};  // x-gateway-destination-endpoint-served; empty: unknown.
};

// One picked request until its end. Thread-compatible; the destructor finishes it as
// kClientDisconnect if nobody did.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // Headers to set on the reply.
  virtual std::vector<std::pair<std::string, std::string>> on_response_headers(
      const ResponseHead& head) = 0;
  // What to pass on: the bytes themselves, unless the model's name is put back.
  virtual std::string on_response_body(std::string_view bytes, bool end) = 0;
  virtual void finish(Completion how) = 0;  // Idempotent.
  // Bodies pass unseen: no need to show them.
  virtual bool wants_response_body() const = 0;
  // on_response_body() may return other bytes: a content-length does not hold.
  virtual bool may_change_body() const { return false; }
  // Called at most once, on any thread, if the request is evicted while in flight. Once finish()
  // has returned it is not running, unless finish() was called from it.
  virtual void on_eviction(std::function<void(Refusal)> evicted) = 0;
};

struct Pick {
  std::vector<std::string> destinations = {};  // "ip:port", the first is tried first; never empty.
  std::vector<double> scores = {};  // Of `destinations`; empty for requests without body.
  std::vector<std::pair<std::string, std::string>> request_headers = {};  // To set.
  std::optional<std::string> body = {};  // Set if it differs from the client's.
  std::string model = {};                // What the client asked for; empty: unknown.
  std::shared_ptr<Exchange> exchange = {};
};

// Exactly one of the two.
struct PickOutcome {
  std::optional<Pick> pick = {};
  std::optional<Refusal> refusal = {};
};

// A pick that may still wait. Destroying it cancels.
class PickTicket {
 public:
  virtual ~PickTicket() = default;
  // After it returns the callback is not called any more, and is not running on another thread.
  // Not to be called from the callback.
  virtual void cancel() = 0;
};

// Resource. Thread-safe.
class EndpointPicker {
 public:
  virtual ~EndpointPicker() = default;
  // `done` is called exactly once unless cancelled: on this thread before pick() returns, or later
  // on a thread of the picker's. It must not block.
  virtual std::unique_ptr<PickTicket> pick(PickRequest request,
                                           std::function<void(PickOutcome)> done) = 0;
  // The pool is known and plugins are ready; not draining.
  virtual bool ready() const = 0;
  // Refuses what waits and what comes; exchanges in flight go on.
  virtual void begin_drain() = 0;
  // JSON for /debug/plugins/state.
  virtual std::string debug_state() const { return "{}"; }
};

}  // namespace rage::picker
