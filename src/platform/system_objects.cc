#include "platform/system_objects.h"

#include <fmt/format.h>

#include <algorithm>

namespace rage::platform {
namespace {

constexpr int kLowPortsEnd = 1024;
constexpr int kGatewayAdminPort = 19000;
constexpr int kHealthPort = 8081;

Json object(const char* api_version, const char* kind, const std::string& ns,
            const std::string& name) {
  Json made = {{"apiVersion", api_version}, {"kind", kind}, {"metadata", {{"name", name}}}};
  if (!ns.empty()) made["metadata"]["namespace"] = ns;
  return made;
}

Json deployment(const std::string& ns, const std::string& name, Json container) {
  const Json labels = {{"app.kubernetes.io/name", name}, {"app.kubernetes.io/part-of", "rage"}};
  Json made = object("apps/v1", "Deployment", ns, name);
  made["metadata"]["labels"] = labels;
  made["spec"] = {{"replicas", 1},
                  {"strategy", {{"type", "Recreate"}}},
                  {"selector", {{"matchLabels", labels}}},
                  {"template",
                   {{"metadata", {{"labels", labels}}},
                    {"spec", {{"containers", Json::array({std::move(container)})}}}}}};
  return made;
}

Json http_probe(const char* path, int port) {
  return {{"httpGet", {{"path", path}, {"port", port}}}, {"periodSeconds", 1}};
}

Json operator_deployment(const SystemSettings& settings) {
  Json container = {
      {"name", "operator"},
      {"image", settings.image},
      {"args",
       {"operator", "--webhook=false", "--leader-elect=false", "--autoscaler=native",
        "--node-provisioner=azure-gpu-provisioner", "--cloud=azure",
        "--feature-gates=gatewayAPIInferenceExtension=true", "--rage-image=" + settings.image,
        "--llamacpp-image=" + settings.image, "--metrics-bind-address=0.0.0.0:8080",
        fmt::format("--health-probe-bind-address=0.0.0.0:{}", kHealthPort)}},
      {"readinessProbe", http_probe("/readyz", kHealthPort)}};
  return deployment(kSystemNamespace, "rage-operator", std::move(container));
}

const Json* spec_of(const Json& object) {
  return codec::find_key(object, "spec");
}

bool is_ours(const std::string& class_name, const std::vector<Json>& classes) {
  return std::ranges::any_of(classes, [&](const Json& known) {
    const Json* spec = spec_of(known);
    return known["metadata"]["name"] == class_name && spec != nullptr &&
           codec::string_or(*spec, "controllerName", "") == kGatewayController;
  });
}

std::vector<int> listener_ports(const Json& spec) {
  std::vector<int> ports;
  const Json* listeners = codec::find_key(spec, "listeners");
  if (listeners == nullptr || !listeners->is_array()) return ports;
  for (const Json& listener : *listeners) {
    const int port = static_cast<int>(codec::number_or(listener, "port", 0));
    if (port > 0 && std::ranges::count(ports, port) == 0) ports.push_back(port);
  }
  return ports;
}

Json owned_by(const Json& gateway) {
  const Json& metadata = gateway["metadata"];
  return Json::array({{{"apiVersion", gateway["apiVersion"]},
                       {"kind", "Gateway"},
                       {"name", metadata["name"]},
                       {"uid", metadata["uid"]},
                       {"controller", true},
                       {"blockOwnerDeletion", true}}});
}

Json gateway_service(const SystemSettings& settings, const std::string& ns, const std::string& name,
                     const std::vector<int>& ports) {
  Json service = object("v1", "Service", ns, name);
  service["spec"] = {{"selector", {{"app.kubernetes.io/name", name}}}, {"ports", Json::array()}};
  for (const int port : ports) {
    const int target = port < kLowPortsEnd ? port + settings.low_port_offset : port;
    service["spec"]["ports"].push_back(
        {{"name", fmt::format("port-{}", port)}, {"port", port}, {"targetPort", target}});
  }
  return service;
}

}  // namespace

std::vector<Json> system_objects(const SystemSettings& settings) {
  std::vector<Json> objects = {object("v1", "Namespace", "", kSystemNamespace)};
  for (const char* name : {"rage", "istio"}) {
    Json gateway_class = object("gateway.networking.k8s.io/v1", "GatewayClass", "", name);
    gateway_class["spec"] = {{"controllerName", kGatewayController}};
    objects.push_back(std::move(gateway_class));
  }
  objects.push_back(operator_deployment(settings));
  return objects;
}

std::vector<Json> gateway_objects(const SystemSettings& settings, const Json& gateway,
                                  const std::vector<Json>& classes) {
  const Json* spec = spec_of(gateway);
  if (spec == nullptr) return {};
  const std::string class_name = codec::string_or(*spec, "gatewayClassName", "");
  const std::vector<int> ports = listener_ports(*spec);
  if (!is_ours(class_name, classes) || ports.empty()) return {};
  const std::string ns = codec::string_or(gateway["metadata"], "namespace", "default");
  const std::string name = codec::string_or(gateway["metadata"], "name", "") + "-" + class_name;
  Json container = {{"name", "gateway"},
                    {"image", settings.image},
                    {"args",
                     {"gateway", "--cluster", "--namespace=" + ns, "--address=0.0.0.0",
                      fmt::format("--low-port-offset={}", settings.low_port_offset),
                      fmt::format("--admin=0.0.0.0:{}", kGatewayAdminPort)}},
                    {"readinessProbe", http_probe("/readyz", kGatewayAdminPort)}};
  std::vector<Json> objects = {deployment(ns, name, std::move(container)),
                               gateway_service(settings, ns, name, ports)};
  for (Json& made : objects) made["metadata"]["ownerReferences"] = owned_by(gateway);
  return objects;
}

}  // namespace rage::platform
