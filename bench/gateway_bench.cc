// `rage gateway`'s data plane with one route to one upstream, for bench/gateway_proxy.py: what a
// request costs when nothing but forwarding is asked for.
//
// usage: gateway_bench PORT UPSTREAM_PORT [WORKERS]
#include <signal.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "gateway/gateway.h"

namespace {

using namespace rage;

class OneRoute final : public gatewayapi::RouteTable {
 public:
  OneRoute() {
    rule_.route = {"bench", "all"};
    rule_.backends = {
        {.kind = gatewayapi::Backend::Kind::kService, .object = {"bench", "echo"}, .port = 80}};
  }
  std::optional<gatewayapi::Match> match(const gatewayapi::RequestHead&) const override {
    return gatewayapi::Match{.rule = &rule_, .matched_prefix = "/"};
  }

 private:
  gatewayapi::Rule rule_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const auto port_of = [](const char* text) { return static_cast<std::uint16_t>(std::atoi(text)); };
  gateway::Snapshot snapshot;
  gateway::ListenerConfig listener{.address = "127.0.0.1", .port = port_of(argv[1])};
  listener.hosts.push_back({.routes = std::make_shared<OneRoute>()});
  snapshot.listeners = {std::move(listener)};
  snapshot.services[{{"bench", "echo"}, 80}].endpoints = {
      *net::Address::of("127.0.0.1", port_of(argv[2]))};
  obs::MetricRegistry registry;
  gateway::GatewayMetrics metrics(registry);
  gateway::GatewayOptions options;
  options.workers = argc > 3 ? port_of(argv[3]) : 1;
  options.access_log_sample = 0;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto gateway = gateway::Gateway::create(
      options, metrics, std::make_shared<const gateway::Snapshot>(std::move(snapshot)));
  if (!gateway) return 1;
  int signal = 0;
  sigwait(&signals, &signal);
  return 0;
}
