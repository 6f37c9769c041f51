// How long the picker takes to decide: schedule and commit, over pools of 10 to 1,000 endpoints,
// with short and long prompts; and what the prefix index weighs. Prints one JSON object. CPU time
// is the deciding thread's own, wall time what a request sees: the two differ on a busy machine.
// Usage: scheduler_bench [--decisions N]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "codec/json.h"
#include "routing/make_scheduler.h"

namespace {

namespace routing = rage::routing;
using rage::codec::Json;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kHeads = 64;  // System prompts that requests share.

// llm-d's optimized baseline: stick to the cache, else the least loaded; no metrics needed.
constexpr std::string_view kOptimizedBaseline = R"(
apiVersion: llm-d.ai/v1
kind: EndpointPickerConfig
plugins:
- type: inflight-load-producer
- type: approx-prefix-cache-producer
- type: prefix-cache-affinity-filter
- type: token-load-scorer
- type: max-score-picker
)";

std::vector<routing::Endpoint> make_endpoints(std::size_t count, std::mt19937_64& random) {
  std::vector<routing::Endpoint> endpoints;
  for (std::size_t i = 0; i < count; ++i) {
    routing::Endpoint endpoint{
        .name_space = "inference",
        .pod = fmt::format("llama-3-70b-decode-7d4b9c6f5-{:05}", i),
        .address = fmt::format("10.{}.{}.{}", i / 65536, i / 256 % 256, i % 256),
        .port = 8000};
    endpoint.labels = {{"app", "llama"}, {"llm-d.ai/role", "decode"}, {"pod-template-hash", "x"}};
    endpoint.metrics.waiting = static_cast<double>(random() % 8);
    endpoint.metrics.kv_usage = static_cast<double>(random() % 100) / 100;
    endpoint.metrics.block_tokens = 16;
    endpoint.metrics.blocks = 27000;  // About an H100 with a model of 70 billion over two.
    endpoint.in_flight.tokens = random() % 20000;
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

std::string random_text(std::size_t bytes, std::mt19937_64& random) {
  std::string text(bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

// Half of each prompt is one of the shared heads, the rest is its own.
struct Prompts {
  Prompts(std::size_t bytes, std::mt19937_64& random) : half(bytes / 2) {
    for (std::size_t i = 0; i < kHeads; ++i) heads.push_back(random_text(half, random));
    noise = random_text(half * 4 + 4096, random);
  }
  std::vector<std::string> make(std::mt19937_64& random) const {
    return {heads[random() % kHeads] + noise.substr(random() % (half * 3), half)};
  }
  std::size_t half;
  std::vector<std::string> heads;
  std::string noise;
};

struct Workload {
  routing::Scheduler& scheduler;
  const std::vector<routing::Endpoint>& endpoints;
  const Prompts& prompts;
};

// Microseconds, one entry a decision: schedule and commit, and schedule alone, for which a request
// waits in any case.
struct Times {
  std::vector<double> cpu;
  std::vector<double> cpu_schedule;
  std::vector<double> wall;
};

double thread_cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

// Whoever is chosen has more to do then, and somebody else has finished: so that all take part.
void turn(std::vector<routing::Endpoint>& endpoints, std::size_t chosen, std::mt19937_64& random) {
  endpoints[chosen].metrics.waiting += 1;
  endpoints[chosen].in_flight.tokens += 20000;
  routing::Endpoint& done = endpoints[random() % endpoints.size()];
  done.metrics.waiting = static_cast<double>(random() % 4);
  done.metrics.kv_usage = static_cast<double>(random() % 100) / 100;
  done.in_flight.tokens = random() % 20000;
}

Times decide(const Workload& workload, std::size_t decisions, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<routing::Endpoint> endpoints = workload.endpoints;
  Times times;
  for (std::size_t i = 0; i < decisions; ++i) {
    const std::vector<std::string> texts = workload.prompts.make(random);
    const routing::SchedulingRequest request{.target_model = "llama-3-70b", .prompts = texts};
    const auto start = SteadyClock::now();
    const double cpu_start = thread_cpu_us();
    const auto schedule = workload.scheduler.schedule(request, endpoints, start);
    if (!schedule) std::abort();
    times.cpu_schedule.push_back(thread_cpu_us() - cpu_start);
    workload.scheduler.commit(request, endpoints, *schedule, start);
    times.cpu.push_back(thread_cpu_us() - cpu_start);
    times.wall.push_back(
        std::chrono::duration<double, std::micro>(SteadyClock::now() - start).count());
    turn(endpoints, schedule->primary.endpoints.front(), random);
  }
  return times;
}

double percentile(std::vector<double>& times, double share) {
  const auto at =
      times.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(times.size() - 1));
  std::ranges::nth_element(times, at);
  return std::round(*at * 10) / 10;
}

Json measure(std::string_view config_text, std::size_t count, std::size_t bytes,
             std::size_t decisions) {
  std::mt19937_64 random(1);
  const auto config = routing::parse_picker_config(config_text);
  const auto scheduler = routing::make_scheduler(*config, 1);
  if (!scheduler) std::abort();
  const auto endpoints = make_endpoints(count, random);
  const Prompts prompts(bytes, random);
  const Workload workload{**scheduler, endpoints, prompts};
  decide(workload, std::max(decisions, count * 40), 2);  // Fills the index.
  Times times = decide(workload, decisions, 3);

  const auto start = SteadyClock::now();
  const std::size_t threads = std::max(1U, std::thread::hardware_concurrency());
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] { decide(workload, decisions, 10 + i); });
    }
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - start).count();
  const auto state = rage::codec::parse_json((*scheduler)->debug_state());
  const Json& index = (*state)["prefixCache"];
  return {{"endpoints", count},
          {"prompt_bytes", bytes},
          {"cpu_p50_us", percentile(times.cpu, 0.5)},
          {"cpu_p99_us", percentile(times.cpu, 0.99)},
          {"schedule_cpu_p50_us", percentile(times.cpu_schedule, 0.5)},
          {"schedule_cpu_p99_us", percentile(times.cpu_schedule, 0.99)},
          {"wall_p50_us", percentile(times.wall, 0.5)},
          {"wall_p99_us", percentile(times.wall, 0.99)},
          {"threads", threads},
          {"decisions_per_s_all_threads",
           std::round(static_cast<double>(threads * decisions) / seconds)},
          {"index_endpoints", index["endpoints"]},
          {"index_entries", index["entries"]},
          {"index_mib", std::round(index["bytes"].get<double>() / 1048576 * 10) / 10}};
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t decisions = 4000;
  if (argc == 3 && std::string_view(argv[1]) == "--decisions") {
    decisions = rage::parse_uint(argv[2]).value_or(decisions);
  }
  Json report = {{"bench", "scheduler"}, {"decisions", decisions}};
  for (const auto& [name, config] : {std::pair<const char*, std::string_view>{"default", ""},
                                     {"optimized_baseline", kOptimizedBaseline}}) {
    for (const std::size_t count : {10U, 100U, 1000U}) {
      for (const std::size_t bytes : {2800U, 100000U}) {
        report[name].push_back(measure(config, count, bytes, decisions));
      }
    }
  }
  fmt::print("{}\n", rage::codec::render_json_pretty(report));
  return 0;
}
