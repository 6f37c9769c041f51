#include "workloads/endpoint_slice_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::text_at;

constexpr std::size_t kEndpointsMax = 100;
constexpr const char* kManagerLabel = "endpointslice.kubernetes.io/managed-by";
constexpr const char* kHeadlessLabel = "service.kubernetes.io/headless";

// The number that a pod's container gives to a port's name; null: none has it.
Json named_port(const Pod& pod, const std::string& name, const std::string& protocol) {
  for (const char* list : {"containers", "initContainers"}) {
    for (const Json& container : list_at(pod.document, {"spec", list})) {
      for (const Json& port : list_at(container, {"ports"})) {
        if (text_at(port, {"name"}) == name && text_at(port, {"protocol"}, "TCP") == protocol) {
          return port.value("containerPort", Json());
        }
      }
    }
  }
  return {};
}

// What the Service's ports are on this pod; a port that the pod does not name is left out.
Json ports_on(const Json& service, const Pod& pod) {
  Json ports = Json::array();
  for (const Json& port : list_at(service, {"spec", "ports"})) {
    const std::string protocol = text_at(port, {"protocol"}, "TCP");
    const Json* target = find_path(port, {"targetPort"});
    Json number = target != nullptr ? *target : port.value("port", Json());
    if (number.is_string()) number = named_port(pod, number.get<std::string>(), protocol);
    if (!number.is_number_integer()) continue;
    Json entry = {{"name", text_at(port, {"name"})}, {"protocol", protocol}, {"port", number}};
    const std::string application = text_at(port, {"appProtocol"});
    if (!application.empty()) entry["appProtocol"] = application;
    ports.push_back(std::move(entry));
  }
  return ports;
}

Json endpoint_of(const Json& service, const Pod& pod, bool publish_unready) {
  const bool serving = pod.ready();
  const bool ready = publish_unready || (serving && !pod.meta.deleting);
  Json endpoint = {{"addresses", Json::array({text_at(pod.document, {"status", "podIP"})})}};
  endpoint["conditions"] = {
      {"ready", ready}, {"serving", serving}, {"terminating", pod.meta.deleting}};
  const std::string hostname = text_at(pod.document, {"spec", "hostname"});
  const bool named =
      text_at(pod.document, {"spec", "subdomain"}) == text_at(service, {"metadata", "name"});
  if (named && !hostname.empty()) endpoint["hostname"] = hostname;
  endpoint["targetRef"] = {
      {"kind", "Pod"}, {"namespace", pod.meta.ns}, {"name", pod.meta.name}, {"uid", pod.meta.uid}};
  if (!pod.node.empty()) endpoint["nodeName"] = pod.node;
  return endpoint;
}

bool is_listed(const Pod& pod) {
  const std::string address = text_at(pod.document, {"status", "podIP"});
  return !pod.finished() && !address.empty() && address.find(':') == std::string::npos;
}

// Slices by name: addressType, endpoints, ports.
std::map<std::string, Json> wanted_slices(const Json& service, const ObjectMeta& meta,
                                          std::vector<Pod> pods) {
  std::ranges::sort(pods, {}, [](const Pod& pod) { return pod.meta.name; });
  const bool publish_unready = detail::flag_at(service, {"spec", "publishNotReadyAddresses"});
  apis::LabelSelector selector;
  for (const auto& [key, value] : map_at(service, {"spec", "selector"}).items()) {
    if (value.is_string()) selector.match_labels[key] = value.get<std::string>();
  }
  std::map<std::string, Json> groups;  // By ports, as text.
  for (const Pod& pod : pods) {
    if (!is_listed(pod) || !selector.matches(pod.meta.labels)) continue;
    Json ports = ports_on(service, pod);
    Json& group = groups[codec::render_json(ports)];
    if (group.is_null()) group = {{"ports", std::move(ports)}, {"endpoints", Json::array()}};
    group["endpoints"].push_back(endpoint_of(service, pod, publish_unready));
  }
  std::map<std::string, Json> slices;
  for (const auto& [ports, group] : groups) {
    const Json& endpoints = group["endpoints"];
    for (std::size_t from = 0; from < endpoints.size(); from += kEndpointsMax) {
      const std::string hash = short_hash({{"uid", meta.uid}, {"ports", ports}, {"from", from}});
      Json part = Json::array();
      for (std::size_t i = from; i < std::min(from + kEndpointsMax, endpoints.size()); ++i) {
        part.push_back(endpoints[i]);
      }
      slices[meta.name + "-" + hash.substr(0, 5)] = {
          {"addressType", "IPv4"}, {"endpoints", std::move(part)}, {"ports", group["ports"]}};
    }
  }
  return slices;
}

Json labels_of(const Json& service, const ObjectMeta& meta) {
  Json labels = map_at(service, {"metadata", "labels"});
  labels[kServiceLabel] = meta.name;
  labels[kManagerLabel] = kSliceManager;
  if (text_at(service, {"spec", "clusterIP"}) == "None") {
    labels[kHeadlessLabel] = "";
  } else {
    labels.erase(kHeadlessLabel);
  }
  return labels;
}

}  // namespace

Plan plan_endpoint_slices(const EndpointSliceObservation& observed) {
  Plan plan;
  const Json& service = observed.service;
  const ObjectMeta meta = apis::parse_meta(service);
  if (meta.deleting) return plan;
  std::map<std::string, Json> wanted;
  const bool external = text_at(service, {"spec", "type"}) == "ExternalName";
  if (!external && !map_at(service, {"spec", "selector"}).empty()) {
    wanted = wanted_slices(service, meta, parse_pods(observed.pods));
  }
  const Json labels = labels_of(service, meta);
  std::set<std::string> present;
  for (const Json& slice : observed.slices) {
    const ObjectMeta slice_meta = apis::parse_meta(slice);
    if (slice_meta.label(kManagerLabel) != kSliceManager || slice_meta.deleting) continue;
    const auto found = wanted.find(slice_meta.name);
    if (found == wanted.end()) {
      plan.changes.emplace_back(DeleteObject{kinds().slice, slice_meta.key(), slice_meta.uid});
      continue;
    }
    present.insert(slice_meta.name);
    const Json& want = found->second;
    const bool same = detail::same_json(list_at(slice, {"endpoints"}), want["endpoints"]) &&
                      detail::same_json(list_at(slice, {"ports"}), want["ports"]) &&
                      detail::same_json(map_at(slice, {"metadata", "labels"}), labels);
    if (same) continue;
    Json patch = {{"endpoints", want["endpoints"]}, {"ports", want["ports"]}};
    patch["metadata"]["labels"] = merge_patch_of(map_at(slice, {"metadata", "labels"}), labels);
    plan.changes.emplace_back(PatchObject{kinds().slice, slice_meta.key(), std::move(patch)});
  }
  for (auto& [name, want] : wanted) {
    if (present.contains(name)) continue;
    Json slice = object_of(kinds().slice, {.ns = meta.ns, .name = name});
    slice["metadata"]["labels"] = labels;
    slice["metadata"]["ownerReferences"] =
        Json::array({controller_reference(kinds().service, meta)});
    for (const auto& [key, value] : want.items()) slice[key] = value;
    plan.changes.emplace_back(CreateObject{kinds().slice, std::move(slice)});
  }
  return plan;
}

}  // namespace rage::workloads
