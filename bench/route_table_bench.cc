// What finding a rule costs, with few and with many routes. Prints one JSON object: nanoseconds of
// CPU time a match, and how many allocations one made.
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <map>
#include <new>
#include <string>
#include <vector>

#include "base/check.h"
#include "gatewayapi/route_table.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  CHECK(memory != nullptr);
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace {

using namespace rage::gatewayapi;

// How routes differ from each other.
enum class Shape { kPath, kHeader, kHost };

RoutedRoute a_route(Shape shape, int index) {
  RouteMatch match;
  RoutedRoute route{.name = {.name_space = "default", .name = fmt::format("r{:05}", index)}};
  switch (shape) {
    case Shape::kPath:
      match.path.value = fmt::format("/team-{}/service-{}/v1", index % 40, index);
      break;
    case Shape::kHeader:
      match.path.value = "/v1";
      match.headers = {{.name = "x-gateway-model-name", .value = fmt::format("model-{}", index)}};
      break;
    case Shape::kHost:
      route.hostnames = {fmt::format("service-{}.example.com", index)};
      break;
  }
  auto rules = std::make_shared<std::vector<RoutedRule>>();
  rules->push_back({.rule = std::make_shared<const Rule>(), .matches = {match}});
  route.rules = std::move(rules);
  return route;
}

struct Request {
  std::string host;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
};

// A request of a browser or a client library brings a dozen of headers.
Request a_request(int index) {
  Request request{.host = fmt::format("service-{}.example.com", index),
                  .path = fmt::format("/team-{}/service-{}/v1/chat/completions", index % 40, index),
                  .headers = {}};
  for (int i = 0; i < 11; ++i) request.headers.emplace_back(fmt::format("x-other-{}", i), "value");
  request.headers.emplace_back("x-gateway-model-name", fmt::format("model-{}", index));
  return request;
}

struct Figures {
  double nanoseconds = 0;
  double allocations = 0;
};

Figures measure(Shape shape, int routes) {
  std::vector<RoutedRoute> all;
  std::vector<Request> requests;
  for (int i = 0; i < routes; ++i) all.push_back(a_route(shape, i));
  for (int i = 0; i < 512; ++i) requests.push_back(a_request(i * 7919 % routes));
  if (shape == Shape::kHeader) {
    for (Request& request : requests) request.path = "/v1/chat/completions";
  }
  const auto table = build_route_table(all);
  constexpr int kMatches = 1 << 20;
  std::uint64_t found = 0;
  const std::uint64_t allocated = allocations.load();
  const std::clock_t start = std::clock();
  for (int i = 0; i < kMatches; ++i) {
    const Request& request = requests[static_cast<std::size_t>(i) % requests.size()];
    RequestHead head{.host = request.host, .method = "POST", .path = request.path, .query = ""};
    head.header = [&request](std::string_view name) -> std::optional<std::string_view> {
      for (const auto& [key, value] : request.headers) {
        if (key == name) return value;
      }
      return std::nullopt;
    };
    found += table->match(head) ? 1 : 0;
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(found == kMatches);
  return {.nanoseconds = seconds * 1e9 / kMatches,
          .allocations = static_cast<double>(allocations.load() - allocated) / kMatches};
}

}  // namespace

int main() {
  std::string parts;
  const std::map<std::string, Shape> shapes = {
      {"path", Shape::kPath}, {"header", Shape::kHeader}, {"host", Shape::kHost}};
  for (const auto& [name, shape] : shapes) {
    for (const int routes : {10, 1000}) {
      const Figures figures = measure(shape, routes);
      parts += fmt::format(R"({}"{}_{}": {{"ns": {:.0f}, "allocations": {:.3f}}})",
                           parts.empty() ? "" : ", ", name, routes, figures.nanoseconds,
                           figures.allocations);
    }
  }
  fmt::print("{{{}}}\n", parts);
}
