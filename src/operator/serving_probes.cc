#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "operator/detail/serving_pod.h"
#include "operator/detail/serving_shell.h"

namespace rage::op::detail {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kBenchmarkProgram = "/workspace/vllm/benchmark_entrypoint.py";
constexpr seconds kProbePeriod{10};

Json http_probe(int port) {
  return {{"httpGet", {{"path", "/health"}, {"port", port}}}, {"periodSeconds", 10}};
}

Json exec_probe(Json command) {
  return {{"exec", {{"command", std::move(command)}}}, {"periodSeconds", 10}};
}

// `kind` is "liveness" or "readiness".
Json cluster_probe(const ServingRequest& request, std::string_view kind) {
  const std::string port = kind == "liveness" ? fmt::format("--ray-port={}", kRayPort)
                                              : fmt::format("--vllm-port={}", server_port(request));
  return exec_probe(Json::array({"python3", "/workspace/vllm/multi-node-health-check.py", kind,
                                 "--leader-address=" + leader_address(request), port}));
}

void add_cluster_probes(const ServingRequest& request, Json& container) {
  Json startup = cluster_probe(request, "readiness");
  startup["timeoutSeconds"] = 1;
  Json liveness = cluster_probe(request, "liveness");
  liveness["initialDelaySeconds"] = 60;
  liveness["timeoutSeconds"] = 5;
  liveness["failureThreshold"] = 1;
  liveness["terminationGracePeriodSeconds"] = 1;
  Json readiness = cluster_probe(request, "readiness");
  readiness["timeoutSeconds"] = 1;
  readiness["failureThreshold"] = 1;
  container["startupProbe"] = std::move(startup);
  container["livenessProbe"] = std::move(liveness);
  container["readinessProbe"] = std::move(readiness);
}

void add_http_probes(const ServingRequest& request, Json& container) {
  const int port = server_port(request);
  Json liveness = http_probe(port);
  liveness["failureThreshold"] = 3;
  Json readiness = http_probe(port);
  // Upstream's figure; a model that llama-server has mapped is ready in a second.
  if (runtime_of(request) != Runtime::kLlamaCpp) readiness["initialDelaySeconds"] = 30;
  container["startupProbe"] = http_probe(port);
  container["livenessProbe"] = std::move(liveness);
  container["readinessProbe"] = std::move(readiness);
}

// The pod is not ready before its speed is measured; the result is read from its log.
Json benchmark_probe(const ServingRequest& request) {
  Json command = Json::array({"python3", kBenchmarkProgram});
  if (is_multi_node(request)) {
    command = shell_command(fmt::format(
        R"(if [ "${{POD_INDEX}}" = "0" ]; then python3 {}; else true; fi)", kBenchmarkProgram));
  }
  Json probe = exec_probe(std::move(command));
  probe["timeoutSeconds"] = 600;
  return probe;
}

}  // namespace

int startup_failures_max(std::uint64_t weight_bytes) {
  const double gib = static_cast<double>(weight_bytes) / (1ULL << 30);
  const double budget = std::clamp(static_cast<double>(seconds(minutes(15)).count()) + 18 * gib,
                                   static_cast<double>(seconds(minutes(30)).count()),
                                   static_cast<double>(seconds(minutes(180)).count()));
  return static_cast<int>(std::ceil(budget / static_cast<double>(kProbePeriod.count())));
}

void add_probes(const ServingRequest& request, Json& container) {
  if (is_multi_node(request)) {
    add_cluster_probes(request, container);
  } else {
    add_http_probes(request, container);
  }
  if (runtime_of(request) == Runtime::kVllm &&
      request.workspace.meta.annotation("kaito.sh/disable-benchmark") != "true") {
    container["startupProbe"] = benchmark_probe(request);
  }
  container["startupProbe"]["failureThreshold"] =
      startup_failures_max(request.model == nullptr ? 0 : request.model->weight_bytes);
}

}  // namespace rage::op::detail
