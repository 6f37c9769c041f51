#include "cluster/detail/cells.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "inspect/time.h"
#include "kubeobjects/selectors.h"

namespace rage::cluster::detail {
namespace {

constexpr std::string_view kNone = "<none>";

Json or_none(std::string text) {
  return text.empty() ? Json(kNone) : Json(std::move(text));
}

std::size_t count_at(const Json& object, std::string_view path) {
  const Json* found = field_at(object, path);
  return found == nullptr ? 0 : found->size();
}

// One field of each item, joined.
std::string joined(const Json* list, std::string_view path, std::string_view separator = ",") {
  std::vector<std::string> texts;
  for (const Json& item : list != nullptr && list->is_array() ? *list : Json::array()) {
    const Json* value = path.empty() ? &item : field_at(item, path);
    if (value == nullptr) continue;
    texts.push_back(value->is_string() ? value->get<std::string>() : codec::render_json(*value));
  }
  return join(texts, separator);
}

std::string map_text(const Json* map) {
  std::vector<std::string> parts;
  if (map != nullptr && map->is_object()) {
    for (const auto& [key, value] : map->items()) {
      parts.push_back(fmt::format("{}={}", key, value.is_string() ? value.get<std::string>() : ""));
    }
  }
  return join(parts, ",");
}

std::string selector_text(const Json& object) {
  const Json* selector = field_at(object, "spec.selector");
  return selector == nullptr ? "" : kubeobjects::selector_text(*selector);
}

Json workload_cell(std::string_view column, const Json& object) {
  std::string prefix = "spec.template.spec.";
  if (field_at(object, "spec.jobTemplate") != nullptr) {
    prefix = "spec.jobTemplate.spec.template.spec.";
  }
  const Json* containers = field_at(object, prefix + "containers");
  if (column == "Containers") return joined(containers, "name");
  if (column == "Images") return joined(containers, "image");
  if (column == "Selector") return or_none(selector_text(object));
  return Json();
}

Json deployment_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Ready") {
    return fmt::format("{}/{}", number_at(object, "status.readyReplicas"),
                       number_at(object, "spec.replicas"));
  }
  if (column == "Up-to-date") return number_at(object, "status.updatedReplicas");
  if (column == "Available") return number_at(object, "status.availableReplicas");
  return workload_cell(column, object);
}

Json replica_set_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Desired") return number_at(object, "spec.replicas");
  if (column == "Current") return number_at(object, "status.replicas");
  if (column == "Ready") return number_at(object, "status.readyReplicas");
  return workload_cell(column, object);
}

Json daemon_set_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Desired") return number_at(object, "status.desiredNumberScheduled");
  if (column == "Current") return number_at(object, "status.currentNumberScheduled");
  if (column == "Ready") return number_at(object, "status.numberReady");
  if (column == "Up-to-date") return number_at(object, "status.updatedNumberScheduled");
  if (column == "Available") return number_at(object, "status.numberAvailable");
  if (column == "Node Selector") {
    return or_none(map_text(field_at(object, "spec.template.spec.nodeSelector")));
  }
  return workload_cell(column, object);
}

std::string job_duration(const Json& object, WallTime now) {
  const auto begun = inspect::parse_time(text_at(object, "status.startTime"));
  if (!begun) return "";
  const auto ended = inspect::parse_time(text_at(object, "status.completionTime"));
  return inspect::human_duration(
      std::chrono::duration_cast<std::chrono::seconds>(ended.value_or(now) - *begun));
}

std::string job_status(const Json& object) {
  const Json* conditions = field_at(object, "status.conditions");
  for (const Json& each : conditions != nullptr ? *conditions : Json::array()) {
    const std::string type = codec::string_or(each, "type", "");
    if (codec::string_or(each, "status", "") != "True") continue;
    if (type == "Complete" || type == "Failed" || type == "Suspended") return type;
  }
  if (field_at(object, "metadata.deletionTimestamp") != nullptr) return "Terminating";
  return "Running";
}

Json job_cell(std::string_view column, const Json& object, WallTime now) {
  if (column == "Status") return job_status(object);
  if (column == "Completions") {
    const Json* wanted = field_at(object, "spec.completions");
    return fmt::format("{}/{}", number_at(object, "status.succeeded"),
                       wanted == nullptr ? std::string("1") : codec::render_json(*wanted));
  }
  if (column == "Duration") return job_duration(object, now);
  return workload_cell(column, object);
}

Json cron_job_cell(std::string_view column, const Json& object, WallTime now) {
  if (column == "Schedule") return text_at(object, "spec.schedule");
  if (column == "Timezone") return text_at(object, "spec.timeZone", kNone);
  if (column == "Suspend") {
    const Json* suspend = field_at(object, "spec.suspend");
    return suspend != nullptr && *suspend == true ? "True" : "False";
  }
  if (column == "Active") return count_at(object, "status.active");
  if (column == "Last Schedule") {
    const std::string last = text_at(object, "status.lastScheduleTime");
    return last.empty() ? Json(kNone) : Json(inspect::age_of(last, now));
  }
  return workload_cell(column, object);
}

std::string port_texts(const Json& service) {
  std::vector<std::string> texts;
  const Json* ports = field_at(service, "spec.ports");
  for (const Json& port : ports != nullptr ? *ports : Json::array()) {
    const auto number = static_cast<int>(codec::number_or(port, "port", 0));
    const auto node = static_cast<int>(codec::number_or(port, "nodePort", 0));
    const std::string protocol = codec::string_or(port, "protocol", "TCP");
    texts.push_back(node == 0 ? fmt::format("{}/{}", number, protocol)
                              : fmt::format("{}:{}/{}", number, node, protocol));
  }
  return join(texts, ",");
}

Json service_cell(std::string_view column, const Json& object, WallTime) {
  const std::string type = text_at(object, "spec.type", "ClusterIP");
  if (column == "Type") return type;
  if (column == "Cluster-IP") return text_at(object, "spec.clusterIP", kNone);
  if (column == "External-IP") {
    if (type == "ExternalName") return text_at(object, "spec.externalName");
    const std::string given = joined(field_at(object, "status.loadBalancer.ingress"), "ip");
    if (!given.empty()) return given;
    return type == "LoadBalancer" ? "<pending>" : kNone;
  }
  if (column == "Port(s)") return or_none(port_texts(object));
  if (column == "Selector") return or_none(map_text(field_at(object, "spec.selector")));
  return Json();
}

std::string access_modes(const Json* modes) {
  std::vector<std::string> texts;
  const std::map<std::string, const char*, std::less<>> known{{"ReadWriteOnce", "RWO"},
                                                              {"ReadOnlyMany", "ROX"},
                                                              {"ReadWriteMany", "RWX"},
                                                              {"ReadWriteOncePod", "RWOP"}};
  for (const Json& mode : modes != nullptr ? *modes : Json::array()) {
    const auto it = mode.is_string() ? known.find(mode.get<std::string>()) : known.end();
    if (it != known.end()) texts.emplace_back(it->second);
  }
  return join(texts, ",");
}

Json volume_cell(std::string_view column, const Json& object, WallTime) {
  const bool terminating = field_at(object, "metadata.deletionTimestamp") != nullptr;
  if (column == "Status") return terminating ? "Terminating" : text_at(object, "status.phase");
  if (column == "Volume") return text_at(object, "spec.volumeName");
  if (column == "Capacity") {
    return text_at(object, "status.capacity.storage", text_at(object, "spec.capacity.storage"));
  }
  if (column == "Access Modes") {
    const Json* granted = field_at(object, "status.accessModes");
    const bool volume = codec::string_or(object, "kind", "") == "PersistentVolume";
    return access_modes(volume ? field_at(object, "spec.accessModes") : granted);
  }
  if (column == "StorageClass") return text_at(object, "spec.storageClassName");
  if (column == "VolumeAttributesClass") {
    return text_at(object, "spec.volumeAttributesClassName", "<unset>");
  }
  if (column == "VolumeMode") return text_at(object, "spec.volumeMode");
  if (column == "Reclaim Policy") return text_at(object, "spec.persistentVolumeReclaimPolicy");
  if (column == "Claim") {
    const std::string name = text_at(object, "spec.claimRef.name");
    return name.empty() ? "" : text_at(object, "spec.claimRef.namespace") + "/" + name;
  }
  if (column == "Reason") return text_at(object, "status.reason");
  return Json();
}

std::string node_address(const Json& node, std::string_view type) {
  const Json* addresses = field_at(node, "status.addresses");
  for (const Json& each : addresses != nullptr ? *addresses : Json::array()) {
    if (codec::string_or(each, "type", "") == type) return codec::string_or(each, "address", "");
  }
  return std::string(kNone);
}

std::vector<std::string> keys_of(const Json& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map.items()) keys.push_back(key);
  return keys;
}

std::string node_roles(const Json& node) {
  constexpr std::string_view kPrefix = "node-role.kubernetes.io/";
  std::vector<std::string> roles;
  const Json* labels = field_at(node, "metadata.labels");
  for (const std::string& part :
       labels != nullptr ? keys_of(*labels) : std::vector<std::string>()) {
    if (part.starts_with(kPrefix)) roles.push_back(part.substr(kPrefix.size()));
  }
  return join(roles, ",");
}

Json node_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Status") {
    std::string status = "Unknown";
    const Json* conditions = field_at(object, "status.conditions");
    for (const Json& each : conditions != nullptr ? *conditions : Json::array()) {
      if (codec::string_or(each, "type", "") != "Ready") continue;
      status = codec::string_or(each, "status", "") == "True" ? "Ready" : "NotReady";
    }
    const Json* cordoned = field_at(object, "spec.unschedulable");
    return cordoned != nullptr && *cordoned == true ? status + ",SchedulingDisabled" : status;
  }
  if (column == "Roles") return or_none(node_roles(object));
  if (column == "Version") return text_at(object, "status.nodeInfo.kubeletVersion");
  if (column == "Internal-IP") return node_address(object, "InternalIP");
  if (column == "External-IP") return node_address(object, "ExternalIP");
  if (column == "OS-Image") return text_at(object, "status.nodeInfo.osImage", "<unknown>");
  if (column == "Kernel-Version") {
    return text_at(object, "status.nodeInfo.kernelVersion", "<unknown>");
  }
  if (column == "Container-Runtime") {
    return text_at(object, "status.nodeInfo.containerRuntimeVersion", "<unknown>");
  }
  return Json();
}

std::string seen(const Json& object, std::initializer_list<const char*> fields, WallTime now) {
  for (const char* field : fields) {
    const std::string time = text_at(object, field);
    if (!time.empty()) return inspect::age_of(time, now);
  }
  return "<unknown>";
}

Json event_cell(std::string_view column, const Json& object, WallTime now) {
  if (column == "Last Seen") {
    return seen(object, {"series.lastObservedTime", "lastTimestamp", "eventTime"}, now);
  }
  if (column == "First Seen") return seen(object, {"firstTimestamp", "eventTime"}, now);
  if (column == "Type") return text_at(object, "type");
  if (column == "Reason") return text_at(object, "reason");
  if (column == "Object") {
    return fmt::format("{}/{}", to_lower_ascii(text_at(object, "involvedObject.kind")),
                       text_at(object, "involvedObject.name"));
  }
  if (column == "Subobject") return text_at(object, "involvedObject.fieldPath");
  if (column == "Source") {
    const std::string component =
        text_at(object, "source.component", text_at(object, "reportingComponent"));
    const std::string host = text_at(object, "source.host");
    return host.empty() ? component : component + ", " + host;
  }
  if (column == "Message") return std::string(trim(text_at(object, "message")));
  if (column == "Count") return std::max<std::int64_t>(1, number_at(object, "count"));
  if (column == "Name") return text_at(object, "metadata.name");
  return Json();
}

std::string subjects(const Json& object, std::string_view kind) {
  std::vector<std::string> names;
  const Json* list = codec::find_key(object, "subjects");
  for (const Json& each : list != nullptr ? *list : Json::array()) {
    if (codec::string_or(each, "kind", "") != kind) continue;
    const std::string ns = codec::string_or(each, "namespace", "");
    const std::string name = codec::string_or(each, "name", "");
    names.push_back(kind == "ServiceAccount" ? ns + "/" + name : name);
  }
  return join(names, ", ");
}

Json binding_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Role")
    return text_at(object, "roleRef.kind") + "/" + text_at(object, "roleRef.name");
  if (column == "Users") return subjects(object, "User");
  if (column == "Groups") return subjects(object, "Group");
  if (column == "ServiceAccounts") return subjects(object, "ServiceAccount");
  return Json();
}

Json other_cell(std::string_view column, const Json& object, WallTime) {
  if (column == "Data") return count_at(object, "data") + count_at(object, "binaryData");
  if (column == "Type") return text_at(object, "type");
  if (column == "Status") return text_at(object, "status.phase");
  if (column == "Holder") return text_at(object, "spec.holderIdentity");
  if (column == "Webhooks") return count_at(object, "webhooks");
  if (column == "AddressType") return text_at(object, "addressType");
  if (column == "Ports") {
    const std::string ports = joined(codec::find_key(object, "ports"), "port");
    return ports.empty() ? "<unset>" : ports;
  }
  if (column == "Endpoints") {
    std::vector<std::string> texts;
    const Json* list = codec::find_key(object, "endpoints");
    for (const Json& each : list != nullptr ? *list : Json::array()) {
      texts.push_back(joined(codec::find_key(each, "addresses"), ""));
    }
    return texts.empty() ? "<unset>" : join(texts, ",");
  }
  if (column == "Controller") {
    const Json* owners = field_at(object, "metadata.ownerReferences");
    if (owners == nullptr || owners->empty()) return kNone;
    return fmt::format("{}/{}", to_lower_ascii(text_at(owners->front(), "kind")),
                       text_at(owners->front(), "name"));
  }
  if (column == "Revision") return number_at(object, "revision");
  if (column == "Provisioner") return text_at(object, "provisioner");
  if (column == "ReclaimPolicy") return text_at(object, "reclaimPolicy");
  if (column == "VolumeBindingMode") return text_at(object, "volumeBindingMode");
  if (column == "AllowVolumeExpansion") {
    const Json* allowed = codec::find_key(object, "allowVolumeExpansion");
    return allowed != nullptr && *allowed == true;
  }
  if (column == "Allowed Disruptions") return number_at(object, "status.disruptionsAllowed");
  if (column == "Min Available" || column == "Max Unavailable") {
    const Json* value =
        field_at(object, column == "Min Available" ? "spec.minAvailable" : "spec.maxUnavailable");
    if (value == nullptr) return "N/A";
    return value->is_string() ? *value : Json(codec::render_json(*value));
  }
  return Json();
}

using CellFunction = Json (*)(std::string_view column, const Json& object, WallTime now);
const std::map<std::string, CellFunction, std::less<>>& functions() {
  static const std::map<std::string, CellFunction, std::less<>> table = {
      {"Pod", pod_cell},
      {"Deployment", deployment_cell},
      {"StatefulSet", deployment_cell},
      {"ReplicaSet", replica_set_cell},
      {"DaemonSet", daemon_set_cell},
      {"Job", job_cell},
      {"CronJob", cron_job_cell},
      {"Service", service_cell},
      {"PersistentVolume", volume_cell},
      {"PersistentVolumeClaim", volume_cell},
      {"Node", node_cell},
      {"Event", event_cell},
      {"RoleBinding", binding_cell},
      {"ClusterRoleBinding", binding_cell}};
  return table;
}

}  // namespace

const Json* field_at(const Json& object, std::string_view path) {
  const Json* at = &object;
  for (const std::string_view key : split(path, '.')) {
    at = at == nullptr ? nullptr : codec::find_key(*at, key);
  }
  return at;
}

std::string text_at(const Json& object, std::string_view path, std::string_view fallback) {
  const Json* found = field_at(object, path);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string(fallback);
}

std::int64_t number_at(const Json& object, std::string_view path) {
  const Json* found = field_at(object, path);
  return found != nullptr && found->is_number() ? found->get<std::int64_t>() : 0;
}

Json cell_of(std::string_view kind, std::string_view column, const Json& object, WallTime now) {
  const auto it = functions().find(kind);
  return it == functions().end() ? other_cell(column, object, now)
                                 : it->second(column, object, now);
}

}  // namespace rage::cluster::detail
