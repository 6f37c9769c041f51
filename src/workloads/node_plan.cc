#include "workloads/node_plan.h"

#include <cmath>

#include "apis/quantity.h"
#include "catalog/gpu.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

using detail::list_at;
using detail::map_at;
using detail::text_at;

constexpr const char* kInstanceType = "node.kubernetes.io/instance-type";
constexpr const char* kGpu = "nvidia.com/gpu";

#if defined(__aarch64__)
constexpr const char* kArchitecture = "arm64";
#else
constexpr const char* kArchitecture = "amd64";
#endif

Json resources_of(const LocalCapacity& capacity, double overcommit, int gpus) {
  const auto milli_cpus = static_cast<std::int64_t>(std::floor(capacity.cpus * overcommit * 1000));
  Json resources = {{"cpu", fmt::format("{}m", milli_cpus)},
                    {"memory", fmt::format("{}Ki", capacity.memory_bytes / 1024)},
                    {"ephemeral-storage", "1Ti"},
                    {"pods", std::to_string(capacity.pods)}};
  if (gpus > 0) resources[kGpu] = std::to_string(gpus);
  return resources;
}

Json node_status(const std::string& name, const LocalCapacity& capacity, int gpus, WallTime now) {
  Json status = Json::object();
  status["capacity"] = resources_of(capacity, 1, gpus);
  status["allocatable"] = resources_of(capacity, capacity.cpu_overcommit, gpus);
  Json conditions = Json::array();
  for (const char* pressure : {"MemoryPressure", "DiskPressure", "PIDPressure"}) {
    set_condition(conditions,
                  {.type = pressure, .status = "False", .reason = "Local", .message = ""}, now);
  }
  set_condition(conditions,
                {.type = "Ready",
                 .status = "True",
                 .reason = "LocalNodeReady",
                 .message = "pods run as processes of this machine"},
                now);
  status["conditions"] = std::move(conditions);
  status["addresses"] = Json::array({{{"type", "InternalIP"}, {"address", "127.0.0.1"}},
                                     {{"type", "Hostname"}, {"address", name}}});
  return status;
}

Json local_labels(const std::string& name) {
  return {{kLocalNodeLabel, "true"},
          {"kubernetes.io/hostname", name},
          {"kubernetes.io/os", "linux"},
          {"kubernetes.io/arch", kArchitecture}};
}

Json missing_labels(const Json& node, const Json& wanted) {
  Json missing = Json::object();
  const Json& have = map_at(node, {"metadata", "labels"});
  for (const auto& [key, value] : wanted.items()) {
    if (!have.contains(key)) missing[key] = value;
  }
  return missing;
}

// A node agent that was there first has offered each CPU once, or not yet said anything.
void offer_cpus(Plan& plan, const Json& node, const LocalCapacity& capacity) {
  const Json* offered = detail::find_path(node, {"status", "allocatable", "cpu"});
  const auto cpus = offered != nullptr ? apis::quantity_of(*offered) : std::nullopt;
  const double wanted = capacity.cpus * capacity.cpu_overcommit;
  if (!cpus || *cpus >= wanted - 0.01) return;
  Json status = map_at(node, {"status"});
  status["allocatable"]["cpu"] = resources_of(capacity, capacity.cpu_overcommit, 0)["cpu"];
  plan.status = std::move(status);
}

// What `requirements` leave no choice about, then the claim's own labels.
Json claim_labels(const Json& claim, const ObjectMeta& meta) {
  Json labels = local_labels(meta.name);
  for (const Json& requirement : list_at(claim, {"spec", "requirements"})) {
    const Json& values = list_at(requirement, {"values"});
    const bool fixed = text_at(requirement, {"operator"}) == "In" && values.size() == 1;
    if (fixed && values[0].is_string()) labels[text_at(requirement, {"key"})] = values[0];
  }
  for (const auto& [key, value] : meta.labels) labels[key] = value;
  labels["karpenter.sh/registered"] = "true";
  labels["karpenter.sh/initialized"] = "true";
  return labels;
}

// What people look for in the list of claims; Karpenter says it there, too.
void show_type(Plan& plan, const ObjectMeta& meta, const std::string& instance_type) {
  if (instance_type.empty() || !meta.label(kInstanceType).empty()) return;
  Json patch;
  patch["metadata"]["labels"][kInstanceType] = instance_type;
  plan.changes.emplace_back(PatchObject{kinds().node_claim, meta.key(), std::move(patch)});
}

std::string describe_stand_in(const std::string& instance_type, int gpus) {
  const std::string type = instance_type.empty() ? "node" : instance_type;
  if (gpus > 0) return fmt::format("this machine stands in for one {} with {} GPUs", type, gpus);
  return fmt::format("this machine stands in for one {}; GPUs of that type are not known", type);
}

int gpus_of(const Json& claim, const std::string& instance_type) {
  if (const catalog::GpuSku* sku = catalog::find_sku(instance_type)) return sku->gpus;
  const Json* asked = detail::find_path(claim, {"spec", "resources", "requests", kGpu});
  const auto amount = asked != nullptr ? apis::quantity_of(*asked) : std::nullopt;
  return amount && *amount > 0 && *amount < 1024 ? static_cast<int>(*amount) : 0;
}

Json claim_status(const NodeClaimObservation& observed, const ObjectMeta& meta, int gpus) {
  const Json& claim = observed.claim;
  Json status = map_at(claim, {"status"});
  status["nodeName"] = meta.name;
  status["providerID"] = "rage://local/" + meta.name;
  status["imageID"] = "local";
  status["capacity"] = resources_of(observed.capacity, 1, gpus);
  status["allocatable"] = resources_of(observed.capacity, observed.capacity.cpu_overcommit, gpus);
  Json conditions = list_at(claim, {"status", "conditions"});
  for (const char* type : {"Launched", "Registered", "Initialized", "Ready"}) {
    set_condition(conditions,
                  {.type = type,
                   .status = "True",
                   .reason = type,
                   .message = "",
                   .extra = {{"observedGeneration", meta.generation}, {"message", ""}}},
                  observed.now);
  }
  status["conditions"] = std::move(conditions);
  return status;
}

}  // namespace

Plan plan_base_node(const Json& node, const LocalCapacity& capacity, WallTime now) {
  Plan plan;
  const Json labels = local_labels(kBaseNodeName);
  if (node.is_null()) {
    Json made = object_of(kinds().node, {.ns = "", .name = kBaseNodeName});
    made["metadata"]["labels"] = labels;
    made["spec"] = Json::object();
    made["status"] = node_status(kBaseNodeName, capacity, 0, now);
    plan.changes.emplace_back(CreateObject{kinds().node, std::move(made)});
    return plan;
  }
  const Json missing = missing_labels(node, labels);
  if (!missing.empty()) {
    plan.changes.emplace_back(PatchObject{
        kinds().node, {.ns = "", .name = kBaseNodeName}, {{"metadata", {{"labels", missing}}}}});
  }
  offer_cpus(plan, node, capacity);
  return plan;
}

Plan plan_node_claim(const NodeClaimObservation& observed) {
  Plan plan;
  const Json& claim = observed.claim;
  const ObjectMeta meta = apis::parse_meta(claim);
  if (meta.deleting) {
    // Its owner reference would take the Node as well; with a finalizer of others on the claim, not
    // before that is gone.
    if (!observed.node.is_null()) {
      const ObjectMeta node = apis::parse_meta(observed.node);
      if (!node.deleting)
        plan.changes.emplace_back(DeleteObject{kinds().node, node.key(), node.uid});
    }
    return plan;
  }
  const Json labels = claim_labels(claim, meta);
  const std::string instance_type = codec::string_or(labels, kInstanceType, "");
  const int gpus = gpus_of(claim, instance_type);
  if (observed.node.is_null()) {
    Json node = object_of(kinds().node, {.ns = "", .name = meta.name});
    node["metadata"]["labels"] = labels;
    node["metadata"]["ownerReferences"] =
        Json::array({controller_reference(kinds().node_claim, meta)});
    Json spec = {{"providerID", "rage://local/" + meta.name}};
    const Json& taints = list_at(claim, {"spec", "taints"});
    if (!taints.empty()) spec["taints"] = taints;
    node["spec"] = std::move(spec);
    node["status"] = node_status(meta.name, observed.capacity, gpus, observed.now);
    plan.changes.emplace_back(CreateObject{kinds().node, std::move(node)});
    plan.tell("NodeCreated", describe_stand_in(instance_type, gpus));
  } else if (const Json missing = missing_labels(observed.node, labels); !missing.empty()) {
    plan.changes.emplace_back(PatchObject{
        kinds().node, {.ns = "", .name = meta.name}, {{"metadata", {{"labels", missing}}}}});
  }
  show_type(plan, meta, instance_type);
  plan.status = claim_status(observed, meta, gpus);
  return plan;
}

}  // namespace rage::workloads
