// How long a decision of the endpoint picker takes, body to destination, in this process.
//   picker_bench [endpoints=1000] [prompt_bytes=2800] [threads=1] [decisions=20000] [flow=0]
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "picker/make_director.h"
#include "routing/make_scheduler.h"

namespace {

using namespace rage;

int argument(int argc, char** argv, int at, int fallback) {
  return argc > at ? std::atoi(argv[at]) : fallback;
}

// Of this thread: what others on the machine do is not in it.
double cpu_micros() {
  timespec time{};
  (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

double quantile(std::vector<double>& values, double share) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

std::vector<routing::Endpoint> make_endpoints(int count, SteadyTime now) {
  std::vector<routing::Endpoint> endpoints;
  for (int i = 0; i < count; ++i) {
    endpoints.push_back({.name_space = "ns",
                         .pod = fmt::format("pod-{}", i),
                         .address = fmt::format("10.0.{}.{}", i / 250, i % 250 + 1),
                         .port = 8000,
                         .labels = {{"app", "vllm"}, {"llm-d.ai/role", "both"}},
                         .metrics = {.waiting = static_cast<double>(i % 7),
                                     .running = static_cast<double>(i % 11),
                                     .kv_usage = (i % 13) / 20.0,
                                     .block_tokens = 16,
                                     .blocks = 27000,
                                     .updated_at = now + std::chrono::hours(1)}});
  }
  return endpoints;
}

// A system prompt that many share, and a question of its own.
std::string body_of(int number, int prompt_bytes) {
  std::string prompt(static_cast<std::size_t>(prompt_bytes), static_cast<char>('a' + number % 26));
  return fmt::format(R"({{"model":"m","messages":[{{"role":"user","content":"{} {}"}}]}})", prompt,
                     number);
}

}  // namespace

int main(int argc, char** argv) {
  const int endpoints = argument(argc, argv, 1, 1000);
  const int prompt_bytes = argument(argc, argv, 2, 2800);
  const int threads = argument(argc, argv, 3, 1);
  const int decisions = argument(argc, argv, 4, 20'000);
  const bool flow = argument(argc, argv, 5, 0) != 0;

  SystemClock clock;
  obs::MetricRegistry registry;
  const auto config = routing::parse_picker_config("");
  CHECK(config);
  auto options = picker::director_options(*config);
  CHECK(options);
  options->scrape.enabled = false;
  options->saturation = routing::ConcurrencyOptions{};
  if (flow) options->flow_control.emplace();
  auto scheduler = routing::make_scheduler(*config, 1);
  CHECK(scheduler);
  auto source = std::make_unique<picker::PushSource>();
  source->push({.endpoints = make_endpoints(endpoints, clock.now())});
  auto director = picker::make_director(*std::move(options), *std::move(scheduler),
                                        std::move(source), clock, registry);
  CHECK(director);

  struct Measured {
    std::vector<double> wall;
    std::vector<double> cpu;
  };
  std::vector<Measured> measured(static_cast<std::size_t>(threads));
  const SteadyTime started = clock.now();
  {
    std::vector<std::jthread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        Measured& mine = measured[static_cast<std::size_t>(t)];
        for (int i = 0; i < decisions; ++i) {
          picker::PickRequest request{.method = "POST", .path = "/v1/chat/completions"};
          request.body = std::make_shared<const std::string>(body_of(t + i, prompt_bytes));
          const SteadyTime begin = clock.now();
          const double cpu_begin = cpu_micros();
          bool picked = false;
          const auto ticket = (*director)->pick(
              std::move(request),
              [&](picker::PickOutcome outcome) { picked = outcome.pick.has_value(); });
          mine.cpu.push_back(cpu_micros() - cpu_begin);
          mine.wall.push_back(
              std::chrono::duration<double, std::micro>(clock.now() - begin).count());
          CHECK(picked);
        }
      });
    }
  }
  const double took = std::chrono::duration<double>(clock.now() - started).count();
  Measured all;
  for (const Measured& one : measured) {
    all.wall.insert(all.wall.end(), one.wall.begin(), one.wall.end());
    all.cpu.insert(all.cpu.end(), one.cpu.begin(), one.cpu.end());
  }
  fmt::print(
      "{{\"endpoints\": {}, \"prompt_bytes\": {}, \"threads\": {}, \"flow_control\": {}, "
      "\"decisions_per_second\": {:.0f}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}, "
      "\"cpu_p50_us\": {:.1f}, \"cpu_p99_us\": {:.1f}}}\n",
      endpoints, prompt_bytes, threads, flow, static_cast<double>(all.wall.size()) / took,
      quantile(all.wall, .5), quantile(all.wall, .99), quantile(all.cpu, .5),
      quantile(all.cpu, .99));
  return 0;
}
