#include <string>

#include "base/strings.h"
#include "codec/documents.h"
#include "kubeobjects/detail/pod_defaults.h"

namespace rage::kubeobjects::detail {
namespace {

void probe(Json& container, const char* name) {
  const auto it = container.find(name);
  if (it == container.end() || !it->is_object()) return;
  fill(*it, "timeoutSeconds", 1);
  fill(*it, "periodSeconds", 10);
  fill(*it, "successThreshold", 1);
  fill(*it, "failureThreshold", 3);
  if (const auto get = it->find("httpGet"); get != it->end() && get->is_object()) {
    fill(*get, "path", "/");
    fill(*get, "scheme", "HTTP");
  }
}

// ":latest", or no tag at all.
bool is_moving(const std::string& image) {
  if (image.find('@') != std::string::npos) return false;
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.rfind(':');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return !tagged || image.substr(colon + 1) == "latest";
}

// Of a pod; its template keeps what was stated.
void requests_follow_limits(Json& container) {
  const auto resources = container.find("resources");
  if (resources == container.end() || !resources->contains("limits")) return;
  const Json limits = (*resources)["limits"];
  if (!limits.is_object()) return;
  for (const auto& [name, limit] : limits.items()) {
    fill(section(*resources, "requests"), name.c_str(), limit);
  }
}

void for_each_container(Json& spec, void (*change)(Json& container)) {
  for (const char* list : {"containers", "initContainers"}) {
    const auto it = spec.find(list);
    if (it == spec.end() || !it->is_array()) continue;
    for (Json& container : *it) {
      if (container.is_object()) change(container);
    }
  }
}

void container_defaults(Json& container) {
  fill(container, "terminationMessagePath", "/dev/termination-log");
  fill(container, "terminationMessagePolicy", "File");
  fill(container, "imagePullPolicy",
       is_moving(codec::string_or(container, "image", "")) ? "Always" : "IfNotPresent");
  fill(container, "resources", Json::object());
  for (const char* name : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    probe(container, name);
  }
  if (const auto ports = container.find("ports"); ports != container.end() && ports->is_array()) {
    for (Json& port : *ports) fill(port, "protocol", "TCP");
  }
  const auto env = container.find("env");
  if (env == container.end() || !env->is_array()) return;
  for (Json& variable : *env) {
    const auto from = variable.find("valueFrom");
    if (from == variable.end() || !from->is_object()) continue;
    if (const auto field = from->find("fieldRef"); field != from->end()) {
      fill(*field, "apiVersion", "v1");
    }
  }
}

void projected_defaults(Json& projected) {
  fill(projected, "defaultMode", 420);
  const auto sources = projected.find("sources");
  if (sources == projected.end() || !sources->is_array()) return;
  for (Json& source : *sources) {
    const auto token = source.find("serviceAccountToken");
    if (token != source.end()) fill(*token, "expirationSeconds", 3600);
  }
}

void volume_defaults(Json& volume) {
  if (!volume.is_object()) return;
  if (volume.size() == 1) volume["emptyDir"] = Json::object();
  for (const char* kind : {"secret", "configMap", "downwardAPI"}) {
    if (const auto it = volume.find(kind); it != volume.end()) fill(*it, "defaultMode", 420);
  }
  if (const auto it = volume.find("projected"); it != volume.end()) projected_defaults(*it);
  if (const auto it = volume.find("hostPath"); it != volume.end()) fill(*it, "type", "");
}

bool is_guaranteed(const Json& container) {
  const Json* resources = codec::find_key(container, "resources");
  const Json* limits = resources ? codec::find_key(*resources, "limits") : nullptr;
  const Json* requests = resources ? codec::find_key(*resources, "requests") : nullptr;
  for (const char* name : {"cpu", "memory"}) {
    const Json* limit = limits ? codec::find_key(*limits, name) : nullptr;
    const Json* request = requests ? codec::find_key(*requests, name) : nullptr;
    if (limit == nullptr || (request != nullptr && !codec::same_json(*request, *limit)))
      return false;
  }
  return true;
}

bool asks_for_something(const Json& container) {
  const Json* resources = codec::find_key(container, "resources");
  if (resources == nullptr) return false;
  for (const char* list : {"limits", "requests"}) {
    const Json* amounts = codec::find_key(*resources, list);
    if (amounts != nullptr && (amounts->contains("cpu") || amounts->contains("memory"))) {
      return true;
    }
  }
  return false;
}

}  // namespace

void pod_defaults(Json& spec) {
  fill(spec, "restartPolicy", "Always");
  fill(spec, "enableServiceLinks", true);
  pod_spec_defaults(spec);
  for_each_container(spec, requests_follow_limits);
}

void pod_spec_defaults(Json& spec) {
  fill(spec, "dnsPolicy", "ClusterFirst");
  fill(spec, "terminationGracePeriodSeconds", 30);
  fill(spec, "securityContext", Json::object());
  fill(spec, "schedulerName", "default-scheduler");
  if (spec.contains("serviceAccountName")) {
    fill(spec, "serviceAccount", spec["serviceAccountName"]);
  }
  for_each_container(spec, container_defaults);
  const auto volumes = spec.find("volumes");
  if (volumes == spec.end() || !volumes->is_array()) return;
  for (Json& volume : *volumes) volume_defaults(volume);
}

std::string qos_class(const Json& pod) {
  const Json* spec = codec::find_key(pod, "spec");
  const Json* containers = spec ? codec::find_key(*spec, "containers") : nullptr;
  bool guaranteed = containers != nullptr && !containers->empty();
  bool asks = false;
  for (const Json& container : containers != nullptr ? *containers : Json::array()) {
    guaranteed = guaranteed && is_guaranteed(container);
    asks = asks || asks_for_something(container);
  }
  if (!asks) return "BestEffort";
  return guaranteed ? "Guaranteed" : "Burstable";
}

}  // namespace rage::kubeobjects::detail
