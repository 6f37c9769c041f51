// Probes: what a container is asked, how often, and what its answers mean.
// Source: core/v1 Probe; Kubernetes "Configure Liveness, Readiness and Startup Probes".
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "codec/json.h"
#include "net/http_client.h"
#include "node/images.h"

namespace rage::node {

using codec::Json;

// Value.
struct ProbeSpec {
  enum class Kind { kHttp, kTcp, kExec, kGrpc, kSucceed };
  Kind kind = Kind::kSucceed;
  std::string host;
  std::uint16_t port = 0;
  std::string url;                   // kHttp
  net::Headers headers;              // kHttp
  std::vector<std::string> command;  // kExec
  std::string service;               // kGrpc
  std::chrono::milliseconds initial_delay{0};
  std::chrono::milliseconds period{10'000};
  std::chrono::milliseconds timeout{1'000};
  int successes = 1;
  int failures = 3;
};

struct ProbeSet {
  std::optional<ProbeSpec> startup;
  std::optional<ProbeSpec> liveness;
  std::optional<ProbeSpec> readiness;

  bool empty() const { return !startup && !liveness && !readiness; }
};

// Pure. `plan` says what becomes of probes that run a program. kInvalidArgument: a port that nobody
// knows.
Result<ProbeSet> parse_probes(const Json& container, const ProcessPlan& plan,
                              const std::string& pod_ip, const std::vector<Mount>& mounts);

// Pure. Counts answers: an outcome is settled once enough came in a row.
class ProbeCounter final {
 public:
  enum class Outcome { kUnsettled, kPassed, kFailed };
  explicit ProbeCounter(const ProbeSpec& spec)
      : successes_(spec.successes), failures_(spec.failures) {}
  Outcome record(bool success);

 private:
  int successes_;
  int failures_;
  int in_a_row_ = 0;
  bool last_ = false;
};

// Pure. When a probe is asked: once a period, as Kubernetes does, and until its first success
// often, because what starts here starts in a second. What fails out of turn does not count.
// Commands are not asked out of turn, for each is a process.
class ProbeTimes final {
 public:
  ProbeTimes(const ProbeSpec& spec, SteadyTime begun);
  SteadyTime next() const { return std::min(regular_, early_); }
  // That it was asked, and whether the answer counts.
  bool record(SteadyTime now, bool success);

 private:
  const std::chrono::milliseconds period_;
  std::chrono::milliseconds pause_;
  SteadyTime regular_;
  SteadyTime early_;
};

// Interface. Thread-safe. One question; an error is a failure, and its message the reason.
class ProbeRunner {
 public:
  virtual ~ProbeRunner() = default;
  virtual Result<void> run(const Context& context, const ProbeSpec& probe,
                           const Environment& environment) = 0;
};
// `transport` outlives it.
std::unique_ptr<ProbeRunner> make_probe_runner(net::HttpTransport& transport);

struct ProbeVerdict {
  bool started = false;
  bool ready = false;
  std::string kill_reason = {};  // Given: the container is to be restarted.

  bool operator==(const ProbeVerdict&) const = default;
};

// Resource. Thread-safe. Owns one thread, unless there is nothing to ask. Runner and clock outlive
// it. `on_change` is called on its thread.
class Prober final {
 public:
  Prober(ProbeSet probes, Environment environment, ProbeRunner& runner, Clock& clock,
         std::function<void()> on_change);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  ProbeVerdict verdict() const;

 private:
  void run(const std::stop_token& stop);
  bool run_startup(const std::stop_token& stop, SteadyTime begun);
  void run_others(const std::stop_token& stop, SteadyTime begun);
  Result<void> ask(const std::stop_token& stop, const ProbeSpec& probe);
  void change(const std::function<void(ProbeVerdict&)>& edit);

  const ProbeSet probes_;
  const Environment environment_;
  ProbeRunner& runner_;
  Clock& clock_;
  const std::function<void()> on_change_;
  Guarded<ProbeVerdict> verdict_;
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace rage::node
