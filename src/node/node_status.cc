#include "node/node_status.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "apis/meta.h"
#include "node/pod_environment.h"
#include "node/pod_record.h"

namespace rage::node {
namespace {

using codec::find_key;
using codec::string_or;

constexpr const char* kAddress = "127.0.0.1";

std::string rfc3339_micro(WallTime time) {
  std::string text = rfc3339(time);
  text.pop_back();
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(
                          time.time_since_epoch() % std::chrono::seconds(1))
                          .count();
  return fmt::format("{}.{:06}Z", text, micros);
}

struct NodeCondition {
  const char* type;
  bool holds;
  const char* reason;
  const char* message;
};

// Unchanged if it says the same already: a heartbeat is the Lease's business.
void set_node_condition(Json& conditions, const NodeCondition& wanted, const std::string& now) {
  const std::string status = wanted.holds ? "True" : "False";
  Json json = {{"type", wanted.type},       {"status", status},        {"lastHeartbeatTime", now},
               {"lastTransitionTime", now}, {"reason", wanted.reason}, {"message", wanted.message}};
  for (Json& each : conditions) {
    if (string_or(each, "type", "") != wanted.type) continue;
    if (string_or(each, "status", "") == status && string_or(each, "reason", "") == wanted.reason) {
      return;
    }
    each = std::move(json);
    return;
  }
  conditions.push_back(std::move(json));
}

Json capacity_of(const Machine& machine, std::size_t pods_max) {
  return {{"cpu", std::to_string(machine.cpus)},
          {"memory", fmt::format("{}Ki", machine.memory_bytes >> 10)},
          {"pods", std::to_string(pods_max)}};
}

void fill(Json& object, const Json& defaults) {
  if (!object.is_object()) object = Json::object();
  for (const auto& [key, value] : defaults.items()) {
    if (!object.contains(key)) object[key] = value;
  }
}

}  // namespace

Machine this_machine() {
  Machine machine{.cpus = std::max(1U, std::thread::hardware_concurrency())};
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0) {
    machine.memory_bytes =
        static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  }
  utsname names{};
  if (::uname(&names) == 0) {
    machine.hostname = names.nodename;
    machine.kernel = names.release;
    const std::string_view hardware = names.machine;
    machine.architecture = hardware == "x86_64"    ? "amd64"
                           : hardware == "aarch64" ? "arm64"
                                                   : std::string(hardware);
  }
  return machine;
}

Json render_node(const std::string& name, const Machine& machine) {
  return {{"apiVersion", "v1"},
          {"kind", "Node"},
          {"metadata",
           {{"name", name},
            {"labels",
             {{"rage.dev/local", "true"},
              {"kubernetes.io/hostname", name},
              {"kubernetes.io/os", "linux"},
              {"kubernetes.io/arch", machine.architecture}}}}}};
}

Json plan_node_status(const Json& node, const Machine& machine, std::size_t pods_max,
                      const std::string& version, WallTime now) {
  const Json* before = find_key(node, "status");
  Json status = before != nullptr && before->is_object() ? *before : Json::object();
  Json conditions = items_of(status, "conditions");
  const std::string time = rfc3339(now);
  set_node_condition(conditions, {"Ready", true, "KubeletReady", "the local node runs pods"}, time);
  set_node_condition(conditions,
                     {"MemoryPressure", false, "KubeletHasSufficientMemory", "not measured here"},
                     time);
  set_node_condition(
      conditions, {"DiskPressure", false, "KubeletHasNoDiskPressure", "not measured here"}, time);
  set_node_condition(conditions,
                     {"PIDPressure", false, "KubeletHasSufficientPID", "not measured here"}, time);
  status["conditions"] = std::move(conditions);
  fill(status["capacity"], capacity_of(machine, pods_max));
  Json capacity = status["capacity"];
  fill(status["allocatable"], capacity);
  if (items_of(status, "addresses").empty()) {
    status["addresses"] = Json::array({{{"type", "InternalIP"}, {"address", kAddress}},
                                       {{"type", "Hostname"}, {"address", machine.hostname}}});
  }
  fill(status["nodeInfo"], {{"architecture", machine.architecture},
                            {"operatingSystem", "linux"},
                            {"kernelVersion", machine.kernel},
                            {"osImage", "Linux"},
                            {"containerRuntimeVersion", "rage://processes"},
                            {"kubeletVersion", version},
                            {"kubeProxyVersion", version},
                            {"machineID", ""},
                            {"systemUUID", ""},
                            {"bootID", ""}});
  return status;
}

Json render_lease(const Json& node, WallTime now, std::chrono::seconds duration) {
  const apis::ObjectMeta meta = apis::parse_meta(node);
  return {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata",
       {{"name", meta.name},
        {"namespace", "kube-node-lease"},
        {"ownerReferences",
         Json::array(
             {{{"apiVersion", "v1"}, {"kind", "Node"}, {"name", meta.name}, {"uid", meta.uid}}})}}},
      {"spec",
       {{"holderIdentity", meta.name},
        {"leaseDurationSeconds", duration.count()},
        {"renewTime", rfc3339_micro(now)}}}};
}

}  // namespace rage::node
