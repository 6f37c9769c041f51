#include "node/probes.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "node/pod_environment.h"

namespace rage::node {
namespace {

using codec::find_key;
using codec::number_or;
using codec::string_or;
using Kind = ProbeSpec::Kind;

constexpr std::chrono::milliseconds kPauseFirst{100};
constexpr std::chrono::milliseconds kPauseMax{1'000};

// A number, or the name of one of the container's ports.
Result<std::uint16_t> port_of(const Json& action, const Json& container) {
  const Json* port = find_key(action, "port");
  double number = port != nullptr && port->is_number() ? port->get<double>() : 0;
  if (port != nullptr && port->is_string()) {
    const std::string& name = port->get_ref<const std::string&>();
    number = static_cast<double>(parse_uint(name).value_or(0));
    for (const Json& each : items_of(container, "ports")) {
      if (string_or(each, "name", "") == name) number = number_or(each, "containerPort", 0);
    }
  }
  if (number >= 1 && number <= 65535) return static_cast<std::uint16_t>(number);
  return fail(ErrorCode::kInvalidArgument, "a probe asks a port that container {} does not have",
              string_or(container, "name", ""));
}

std::chrono::milliseconds seconds_of(const Json& probe, std::string_view key, double fallback) {
  const double seconds = std::clamp(number_or(probe, key, fallback), 0.0, 86'400.0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

ProbeSpec timing_of(const Json& probe) {
  return {
      .initial_delay = seconds_of(probe, "initialDelaySeconds", 0),
      .period = std::max(seconds_of(probe, "periodSeconds", 10), std::chrono::milliseconds(1000)),
      .timeout = std::max(seconds_of(probe, "timeoutSeconds", 1), std::chrono::milliseconds(1000)),
      .successes = std::max(1, static_cast<int>(number_or(probe, "successThreshold", 1))),
      .failures = std::max(1, static_cast<int>(number_or(probe, "failureThreshold", 3)))};
}

Result<void> set_http(const Json& http, const Json& container, const std::string& pod_ip,
                      ProbeSpec& spec) {
  spec.kind = Kind::kHttp;
  spec.host = string_or(http, "host", pod_ip);
  ASSIGN_OR_RETURN(spec.port, port_of(http, container));
  const bool tls = string_or(http, "scheme", "HTTP") == "HTTPS";
  std::string path = string_or(http, "path", "/");
  if (!path.starts_with('/')) path.insert(0, "/");
  spec.url = fmt::format("{}://{}:{}{}", tls ? "https" : "http", spec.host, spec.port, path);
  for (const Json& header : items_of(http, "httpHeaders")) {
    spec.headers.add(string_or(header, "name", ""), string_or(header, "value", ""));
  }
  return {};
}

void set_health_page(const ProcessPlan& plan, const std::string& pod_ip, ProbeSpec& spec) {
  spec.kind = Kind::kHttp;
  spec.host = pod_ip;
  spec.port = plan.health_port;
  spec.url = fmt::format("http://{}:{}/health", pod_ip, plan.health_port);
}

void set_command(const Json& exec, const ProcessPlan& plan, const std::string& pod_ip,
                 const std::vector<Mount>& mounts, ProbeSpec& spec) {
  if (plan.exec_probes == ExecProbes::kSucceed) return;
  if (plan.exec_probes == ExecProbes::kHealthPage) {
    set_health_page(plan, pod_ip, spec);
    return;
  }
  spec.kind = Kind::kExec;
  for (const Json& word : items_of(exec, "command")) {
    if (word.is_string()) spec.command.push_back(rewrite_paths(word.get<std::string>(), mounts));
  }
}

Result<std::optional<ProbeSpec>> parse_probe(const Json& container, std::string_view key,
                                             const ProcessPlan& plan, const std::string& pod_ip,
                                             const std::vector<Mount>& mounts) {
  const Json* probe = find_key(container, key);
  if (probe == nullptr || !probe->is_object()) return std::optional<ProbeSpec>();
  ProbeSpec spec = timing_of(*probe);
  if (const Json* http = find_key(*probe, "httpGet")) {
    RETURN_IF_ERROR(set_http(*http, container, pod_ip, spec));
  } else if (const Json* tcp = find_key(*probe, "tcpSocket")) {
    spec.kind = Kind::kTcp;
    spec.host = string_or(*tcp, "host", pod_ip);
    ASSIGN_OR_RETURN(spec.port, port_of(*tcp, container));
  } else if (const Json* exec = find_key(*probe, "exec")) {
    set_command(*exec, plan, pod_ip, mounts, spec);
  } else if (const Json* grpc = find_key(*probe, "grpc")) {
    spec.kind = Kind::kGrpc;
    spec.host = pod_ip;
    ASSIGN_OR_RETURN(spec.port, port_of(*grpc, container));
    spec.service = string_or(*grpc, "service", "");
  } else {
    return fail(ErrorCode::kInvalidArgument, "a probe of container {} asks nothing",
                string_or(container, "name", ""));
  }
  return std::optional(std::move(spec));
}

}  // namespace

Result<ProbeSet> parse_probes(const Json& container, const ProcessPlan& plan,
                              const std::string& pod_ip, const std::vector<Mount>& mounts) {
  ProbeSet probes;
  ASSIGN_OR_RETURN(probes.startup, parse_probe(container, "startupProbe", plan, pod_ip, mounts));
  ASSIGN_OR_RETURN(probes.liveness, parse_probe(container, "livenessProbe", plan, pod_ip, mounts));
  ASSIGN_OR_RETURN(probes.readiness,
                   parse_probe(container, "readinessProbe", plan, pod_ip, mounts));
  // What stands in starts in seconds: waiting as long as the original needs gains nothing.
  if (plan.exec_probes == ExecProbes::kHealthPage && probes.readiness) {
    probes.readiness->initial_delay = std::chrono::milliseconds(0);
    probes.readiness->period = std::min(probes.readiness->period, std::chrono::milliseconds(2000));
    if (probes.startup) probes.startup->period = std::chrono::milliseconds(1000);
    if (probes.startup) probes.startup->failures = std::max(probes.startup->failures, 300);
  }
  return probes;
}

ProbeCounter::Outcome ProbeCounter::record(bool success) {
  in_a_row_ = success == last_ ? in_a_row_ + 1 : 1;
  last_ = success;
  const int needed = success ? successes_ : failures_;
  if (in_a_row_ < needed) return Outcome::kUnsettled;
  in_a_row_ = needed;  // It stays settled, and does not overflow.
  return success ? Outcome::kPassed : Outcome::kFailed;
}

ProbeTimes::ProbeTimes(const ProbeSpec& spec, SteadyTime begun)
    : period_(spec.period),
      pause_(kPauseFirst),
      regular_(begun + spec.initial_delay),
      early_(spec.kind == Kind::kExec ? SteadyTime::max() : begun) {}

bool ProbeTimes::record(SteadyTime now, bool success) {
  const bool regular = now >= regular_;
  if (regular) regular_ = now + period_;
  if (success) {
    early_ = SteadyTime::max();
  } else if (early_ != SteadyTime::max()) {
    early_ = now + pause_;
    pause_ = std::min(pause_ * 5 / 4, kPauseMax);
  }
  return regular || success;
}

Prober::Prober(ProbeSet probes, Environment environment, ProbeRunner& runner, Clock& clock,
               std::function<void()> on_change)
    : probes_(std::move(probes)),
      environment_(std::move(environment)),
      runner_(runner),
      clock_(clock),
      on_change_(std::move(on_change)),
      verdict_(ProbeVerdict{.started = !probes_.startup,
                            .ready = !probes_.startup && !probes_.readiness}) {
  if (!probes_.empty()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

Prober::~Prober() = default;

ProbeVerdict Prober::verdict() const {
  return verdict_.with([](const ProbeVerdict& verdict) { return verdict; });
}

void Prober::change(const std::function<void(ProbeVerdict&)>& edit) {
  const bool changed = verdict_.with([&](ProbeVerdict& verdict) {
    const ProbeVerdict before = verdict;
    edit(verdict);
    return !(before == verdict);
  });
  if (changed) on_change_();
}

void Prober::run(const std::stop_token& stop) {
  const SteadyTime begun = clock_.now();
  if (!run_startup(stop, begun)) return;
  run_others(stop, begun);
}

Result<void> Prober::ask(const std::stop_token& stop, const ProbeSpec& probe) {
  const Context context{.deadline = clock_.now() + probe.timeout, .stop = stop};
  return runner_.run(context, probe, environment_);
}

// True once it has started.
bool Prober::run_startup(const std::stop_token& stop, SteadyTime begun) {
  if (!probes_.startup) return true;
  const ProbeSpec& probe = *probes_.startup;
  ProbeCounter counter(probe);
  ProbeTimes times(probe, begun);
  while (clock_.sleep_for(times.next() - clock_.now(), stop) && !stop.stop_requested()) {
    const Result<void> answer = ask(stop, probe);
    if (!times.record(clock_.now(), answer.has_value())) continue;
    const auto outcome = counter.record(answer.has_value());
    if (outcome == ProbeCounter::Outcome::kPassed) {
      change([&](ProbeVerdict& verdict) {
        verdict.started = true;
        verdict.ready = !probes_.readiness;
      });
      return true;
    }
    if (outcome == ProbeCounter::Outcome::kFailed) {
      change([&](ProbeVerdict& verdict) {
        verdict.kill_reason = "Startup probe failed: " + answer.error().message;
      });
      return false;
    }
  }
  return false;
}

void Prober::run_others(const std::stop_token& stop, SteadyTime begun) {
  struct Due {
    const ProbeSpec* probe;
    ProbeCounter counter;
    ProbeTimes times;
    SteadyTime at() const { return times.next(); }
  };
  std::vector<Due> all;
  for (const auto* probe : {&probes_.readiness, &probes_.liveness}) {
    if (*probe) {
      all.push_back({&**probe, ProbeCounter(**probe), ProbeTimes(**probe, begun)});
    }
  }
  while (!all.empty() && !stop.stop_requested()) {
    Due& next = *std::ranges::min_element(all, {}, &Due::at);
    if (!clock_.sleep_for(next.at() - clock_.now(), stop)) return;
    const Result<void> answer = ask(stop, *next.probe);
    if (stop.stop_requested()) return;
    if (!next.times.record(clock_.now(), answer.has_value())) continue;
    const auto outcome = next.counter.record(answer.has_value());
    const bool readiness = probes_.readiness && next.probe == &*probes_.readiness;
    if (outcome == ProbeCounter::Outcome::kUnsettled) continue;
    if (readiness) {
      change([&](ProbeVerdict& verdict) { verdict.ready = answer.has_value(); });
    } else if (!answer) {
      change([&](ProbeVerdict& verdict) {
        verdict.kill_reason = "Liveness probe failed: " + answer.error().message;
      });
      return;
    }
  }
}

}  // namespace rage::node
