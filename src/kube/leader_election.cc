#include "kube/leader_election.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "apis/kinds.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "obs/log.h"

namespace rage::kube {
namespace {

using std::chrono::milliseconds;

// meta/v1 MicroTime.
std::string micro_time(WallTime time) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())),
                     (since - seconds).count());
}

const Json& spec_of(const Json& lease) {
  static const Json none = Json::object();
  const Json* spec = codec::find_key(lease, "spec");
  return spec != nullptr && spec->is_object() ? *spec : none;
}

std::string holder_of(const Json& lease) {
  return codec::string_or(spec_of(lease), "holderIdentity", "");
}

enum class Attempt { kHeld, kNotHeld, kTakenByOther };

}  // namespace

std::string unique_identity() {
  std::array<char, 256> host{};
  const bool known = ::gethostname(host.data(), host.size() - 1) == 0;
  return fmt::format("{}_{}", known ? host.data() : "unknown", random_uuid());
}

struct LeaderElection::State {
  State(KubeClient& client_in, Clock& clock_in, LeaderElectionOptions options_in)
      : client(client_in),
        clock(clock_in),
        options(std::move(options_in)),
        jitter(static_cast<unsigned>(std::hash<std::string>()(options.identity))) {
    // A lease that was given up names nobody: to a candidate without a name it would be its own.
    CHECK(!options.identity.empty());
  }

  void run(const std::stop_token& stop) {
    if (!acquire(stop)) return;
    obs::log().info("became leader",
                    {{"lease", options.lease.str()}, {"identity", options.identity}});
    on_started();
    const bool stopped = renew_until_lost(stop);
    leads.store(false, std::memory_order_release);
    on_stopped();
    if (stopped) {
      release();
    } else {
      obs::log().error("lost the leadership",
                       {{"lease", options.lease.str()}, {"identity", options.identity}});
    }
  }

  // True once the lease is ours; false if asked to stop.
  bool acquire(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const SteadyTime begin = clock.now();
      if (attempt(stop, options.renew_deadline) == Attempt::kHeld) {
        renewed_at.store(begin, std::memory_order_release);
        leads.store(true, std::memory_order_release);
        return true;
      }
      // Rivals that woke together do not meet again and again.
      const double factor = std::uniform_real_distribution<double>(1.0, 1.2)(jitter);
      const std::chrono::duration<double, std::milli> pause = options.retry_period * factor;
      if (!clock.sleep_for(std::chrono::ceil<milliseconds>(pause), stop)) break;
    }
    // The answer to the last attempt may have been lost: it is given back if it is ours.
    if (maybe_ours) release();
    return false;
  }

  // True if asked to stop, false if the leadership is lost.
  bool renew_until_lost(const std::stop_token& stop) {
    while (true) {
      const SteadyTime deadline =
          renewed_at.load(std::memory_order_acquire) + options.renew_deadline;
      const auto pause =
          std::min<std::chrono::nanoseconds>(options.retry_period, deadline - clock.now());
      if (!clock.sleep_for(pause, stop)) return true;
      const SteadyTime begin = clock.now();
      const auto left = std::chrono::floor<milliseconds>(deadline - begin);
      if (left <= milliseconds(0)) return false;
      switch (attempt(stop, left)) {
        case Attempt::kHeld:
          renewed_at.store(begin, std::memory_order_release);
          break;
        case Attempt::kTakenByOther:
          return false;
        case Attempt::kNotHeld:
          break;  // The deadline decides.
      }
    }
  }

  Attempt attempt(const std::stop_token& stop, milliseconds limit) {
    Context context = Context::with_timeout(limit);
    context.stop = stop;
    const auto held = try_hold(context);
    if (held) return *held;
    if (!stop.stop_requested() && !is_conflict(held.error())) {
      obs::log().warn("leader election failed to reach its lease",
                      {{"lease", options.lease.str()}, {"error", held.error().message}});
    }
    return Attempt::kNotHeld;
  }

  // One read and at most one write, which the resourceVersion makes conditional.
  Result<Attempt> try_hold(const Context& context) {
    auto found = client.get(context, type, options.lease);
    if (!found && found.error().code != ErrorCode::kNotFound) {
      return fail(std::move(found).error());
    }
    if (!found) {
      maybe_ours = true;
      ASSIGN_OR_RETURN(const Json created, client.create(context, type, first_lease()));
      observe(created);
      return Attempt::kHeld;
    }
    observe(*found);
    const std::string holder = holder_of(*found);
    const bool ours = holder == options.identity;
    if (!ours && leads.load(std::memory_order_acquire)) return Attempt::kTakenByOther;
    if (!ours && !holder.empty() && clock.now() < observed_at + valid_for(*found)) {
      maybe_ours = false;
      return Attempt::kNotHeld;
    }
    maybe_ours = true;
    Json lease = *std::move(found);
    hold(lease, ours);
    ASSIGN_OR_RETURN(const Json updated, client.update(context, type, lease));
    observe(updated);
    return Attempt::kHeld;
  }

  // Clocks of two machines differ: what counts is for how long, by our clock, the record has not
  // changed since we first saw it so.
  void observe(const Json& lease) {
    if (lease == observed) return;
    observed = lease;
    observed_at = clock.now();
  }

  milliseconds valid_for(const Json& lease) const {
    const double seconds = codec::number_or(spec_of(lease), "leaseDurationSeconds", 0);
    if (!(seconds >= 1) || seconds > 86'400) return options.lease_duration;
    return milliseconds(static_cast<std::int64_t>(seconds * 1000));
  }

  std::int64_t lease_seconds() const {
    return std::max<std::int64_t>(
        1, std::chrono::ceil<std::chrono::seconds>(options.lease_duration).count());
  }

  Json first_lease() const {
    const std::string now = micro_time(clock.wall_now());
    return {{"apiVersion", type.api_version()},
            {"kind", type.kind},
            {"metadata", {{"name", options.lease.name}, {"namespace", options.lease.ns}}},
            {"spec",
             {{"holderIdentity", options.identity},
              {"leaseDurationSeconds", lease_seconds()},
              {"acquireTime", now},
              {"renewTime", now},
              {"leaseTransitions", 0}}}};
  }

  void hold(Json& lease, bool ours) const {
    Json spec = spec_of(lease);
    const std::string now = micro_time(clock.wall_now());
    if (!ours) {
      const double transitions = codec::number_or(spec, "leaseTransitions", 0);
      const bool sane = transitions >= 0 && transitions < 1e9;
      spec["leaseTransitions"] = sane ? static_cast<std::int64_t>(transitions) + 1 : 1;
      spec["acquireTime"] = now;
      spec["holderIdentity"] = options.identity;
    }
    spec["leaseDurationSeconds"] = lease_seconds();
    spec["renewTime"] = now;
    lease["spec"] = std::move(spec);
  }

  void release() {
    const Context context = Context::with_timeout(options.retry_period);  // Not the stop token's.
    auto found = client.get(context, type, options.lease);
    if (!found || holder_of(*found) != options.identity) return;
    const std::string now = micro_time(clock.wall_now());
    Json spec = spec_of(*found);
    spec["holderIdentity"] = "";
    spec["leaseDurationSeconds"] = 1;
    spec["renewTime"] = now;
    spec["acquireTime"] = now;
    (*found)["spec"] = std::move(spec);
    const auto updated = client.update(context, type, *found);
    if (!updated) {
      obs::log().warn("the lease could not be given up; it will expire",
                      {{"lease", options.lease.str()}, {"error", updated.error().message}});
    }
  }

  KubeClient& client;
  Clock& clock;
  const LeaderElectionOptions options;
  const ResourceType& type = apis::builtin_type("Lease");
  std::function<void()> on_started;
  std::function<void()> on_stopped;
  std::minstd_rand jitter;

  // The thread's.
  Json observed;
  SteadyTime observed_at = {};
  bool maybe_ours = false;  // We wrote, and do not know that it failed.

  std::atomic<bool> leads = false;
  std::atomic<SteadyTime> renewed_at = SteadyTime();
  Mutex stopping;
  std::jthread thread;  // Last: joined before anything that it uses is destroyed.
};

LeaderElection::LeaderElection(KubeClient& client, Clock& clock, LeaderElectionOptions options)
    : state_(std::make_unique<State>(client, clock, std::move(options))) {}

LeaderElection::~LeaderElection() {
  stop();
}

void LeaderElection::start(std::function<void()> on_started, std::function<void()> on_stopped) {
  state_->on_started = std::move(on_started);
  state_->on_stopped = std::move(on_stopped);
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

void LeaderElection::stop() {
  MutexLock lock(state_->stopping);
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

bool LeaderElection::leading() const {
  if (!state_->leads.load(std::memory_order_acquire)) return false;
  const SteadyTime renewed = state_->renewed_at.load(std::memory_order_acquire);
  return state_->clock.now() < renewed + state_->options.renew_deadline;
}

}  // namespace rage::kube
