#include "kubeobjects/detail/object_rules.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "codec/documents.h"

namespace rage::kubeobjects::detail {
namespace {

constexpr std::size_t kAnnotationBytesMax = 256 << 10;
constexpr const char* kSubdomain =
    R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)";
constexpr const char* kLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr const char* kServiceName = "[a-z]([-a-z0-9]*[a-z0-9])?";
constexpr const char* kLabelValue = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
constexpr const char* kQualifiedName = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

bool matches(const std::string& text, const char* pattern) {
  return RE2::FullMatch(text, RE2(pattern));
}

Cause invalid_value(std::string field, const Json& value, std::string_view why) {
  return {.reason = "FieldValueInvalid",
          .message = fmt::format("Invalid value: {}: {}", codec::render_json(value), why),
          .field = std::move(field)};
}

std::string must_match(std::string_view what, std::string_view example, std::string_view pattern) {
  return fmt::format("{} (e.g. '{}', regex used for validation is '{}')", what, example, pattern);
}

void check_name(const Resource& resource, const std::string& name, std::vector<Cause>& causes) {
  const auto too_long = [&](std::size_t most) {
    if (name.size() > most) {
      causes.push_back(
          invalid_value("metadata.name", name, fmt::format("must be no more than {} bytes", most)));
    }
  };
  if (resource.group == "rbac.authorization.k8s.io" || resource.group == "policy") {
    for (const char* forbidden : {"/", "%"}) {
      if (name.find(forbidden) == std::string::npos) continue;
      causes.push_back(
          invalid_value("metadata.name", name, fmt::format("may not contain '{}'", forbidden)));
    }
    return;
  }
  const bool label = resource.kind == "Namespace" || resource.kind == "StatefulSet";
  if (resource.origin == SchemaOrigin::kBuiltin && label) {
    too_long(63);
    if (name.find('.') != std::string::npos) {
      causes.push_back(invalid_value("metadata.name", name, "must not contain dots"));
      return;
    }
    if (matches(name, kLabel)) return;
    causes.push_back(invalid_value(
        "metadata.name", name,
        must_match("a lowercase RFC 1123 label must consist of lower case alphanumeric characters "
                   "or '-', and must start and end with an alphanumeric character",
                   "my-name',  or '123-abc", kLabel)));
    return;
  }
  if (resource.origin == SchemaOrigin::kBuiltin && resource.kind == "Service") {
    too_long(63);
    if (matches(name, kServiceName)) return;
    causes.push_back(invalid_value(
        "metadata.name", name,
        must_match("a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
                   "start with an alphabetic character, and end with an alphanumeric character",
                   "my-name',  or 'abc-123", kServiceName)));
    return;
  }
  too_long(253);
  if (matches(name, kSubdomain)) return;
  causes.push_back(invalid_value(
      "metadata.name", name,
      must_match("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
                 "characters, '-' or '.', and must start and end with an alphanumeric character",
                 "example.com", kSubdomain)));
}

bool is_qualified(const std::string& key) {
  const std::size_t slash = key.find('/');
  const std::string name = slash == std::string::npos ? key : key.substr(slash + 1);
  if (slash != std::string::npos && !matches(key.substr(0, slash), kSubdomain)) return false;
  return name.size() <= 63 && matches(name, kQualifiedName);
}

void check_key(const std::string& field, const std::string& key, std::vector<Cause>& causes) {
  if (is_qualified(key)) return;
  causes.push_back(invalid_value(
      field, key,
      must_match("name part must consist of alphanumeric characters, '-', '_' or '.', and must "
                 "start and end with an alphanumeric character",
                 "MyName',  or 'my.name',  or '123-abc", kQualifiedName)));
}

void check_labels(const Json* labels, const std::string& field, std::vector<Cause>& causes) {
  if (labels == nullptr || !labels->is_object()) return;
  for (const auto& [key, value] : labels->items()) {
    check_key(field, key, causes);
    if (!value.is_string()) continue;
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > 63) {
      causes.push_back(invalid_value(field, text, "must be no more than 63 bytes"));
    }
    if (matches(text, kLabelValue)) continue;
    causes.push_back(invalid_value(
        field, text,
        must_match("a valid label must be an empty string or consist of alphanumeric characters, "
                   "'-', '_' or '.', and must start and end with an alphanumeric character",
                   "MyValue',  or 'my_value',  or '12345", kLabelValue)));
  }
}

void check_annotations(const Json* annotations, std::vector<Cause>& causes) {
  if (annotations == nullptr || !annotations->is_object()) return;
  std::size_t bytes = 0;
  for (const auto& [key, value] : annotations->items()) {
    check_key("metadata.annotations", to_lower_ascii(key), causes);
    bytes += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
  }
  if (bytes <= kAnnotationBytesMax) return;
  causes.push_back(
      {.reason = "FieldValueTooLong",
       .message = fmt::format("Too long: may not be more than {} bytes", kAnnotationBytesMax),
       .field = "metadata.annotations"});
}

void check_owners(const Json* owners, std::vector<Cause>& causes) {
  int controllers = 0;
  for (const Json& owner : owners != nullptr && owners->is_array() ? *owners : Json::array()) {
    const Json* controller = codec::find_key(owner, "controller");
    if (controller != nullptr && *controller == true) ++controllers;
    for (const char* key : {"apiVersion", "kind", "name", "uid"}) {
      if (codec::string_or(owner, key, "").empty()) {
        causes.push_back(invalid_value(fmt::format("metadata.ownerReferences.{}", key), "",
                                       "must not be empty"));
      }
    }
  }
  if (controllers <= 1) return;
  causes.push_back(invalid_value("metadata.ownerReferences", *owners,
                                 "Only one reference can have Controller set to true"));
}

void check_selector(const Json& object, std::vector<Cause>& causes) {
  const Json* selector = find_at(object, "spec.selector.matchLabels");
  const Json* labels = find_at(object, "spec.template.metadata.labels");
  if (selector == nullptr || !selector->is_object()) return;
  for (const auto& [key, value] : selector->items()) {
    const Json* have = labels == nullptr ? nullptr : codec::find_key(*labels, key);
    if (have != nullptr && *have == value) continue;
    causes.push_back(invalid_value("spec.template.metadata.labels",
                                   labels == nullptr ? Json() : *labels,
                                   "`selector` does not match template `labels`"));
    return;
  }
}

// Whether a pod gets volumes beside those in its spec: a StatefulSet's claims.
enum class MoreVolumes { kNo, kYes };

// A mount of a volume that is not there would keep the pod from starting.
void check_mounts(const Json& container, const std::set<std::string>& volumes,
                  const std::string& field, std::vector<Cause>& causes) {
  const Json& mounts = codec::list_at(container, {"volumeMounts"});
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const std::string name = codec::string_or(mounts[i], "name", "");
    if (volumes.contains(name)) continue;
    causes.push_back({.reason = "FieldValueNotFound",
                      .message = fmt::format("Not found: \"{}\"", name),
                      .field = fmt::format("{}.volumeMounts[{}].name", field, i)});
  }
}

// `volumes`: those that there will be; null: nobody knows.
void check_containers(const Json& spec, const char* list, const std::string& field,
                      const std::set<std::string>* volumes, std::vector<Cause>& causes) {
  const Json& containers = codec::list_at(spec, {list});
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string at = fmt::format("{}.{}[{}]", field, list, i);
    if (codec::string_or(containers[i], "image", "").empty()) {
      causes.push_back(
          {.reason = "FieldValueRequired", .message = "Required value", .field = at + ".image"});
    }
    if (volumes != nullptr) check_mounts(containers[i], *volumes, at, causes);
  }
}

void check_pod_spec(const Json* spec, const std::string& field, MoreVolumes more,
                    std::vector<Cause>& causes) {
  if (spec == nullptr || !spec->is_object()) return;
  const Json* containers = codec::find_key(*spec, "containers");
  if (containers == nullptr || containers->empty()) {
    causes.push_back({.reason = "FieldValueRequired",
                      .message = "Required value",
                      .field = field + ".containers"});
    return;
  }
  std::set<std::string> volumes;
  for (const Json& volume : codec::list_at(*spec, {"volumes"})) {
    volumes.insert(codec::string_or(volume, "name", ""));
  }
  for (const char* list : {"containers", "initContainers"}) {
    check_containers(*spec, list, field, more == MoreVolumes::kNo ? &volumes : nullptr, causes);
  }
}

// Several ports of a Service are told apart by their names.
void check_port_names(const Json* ports, std::vector<Cause>& causes) {
  if (ports == nullptr || ports->size() < 2) return;
  for (std::size_t i = 0; i < ports->size(); ++i) {
    if (!codec::string_or((*ports)[i], "name", "").empty()) continue;
    causes.push_back({.reason = "FieldValueRequired",
                      .message = "Required value",
                      .field = fmt::format("spec.ports[{}].name", i)});
  }
}

struct ImmutableField {
  const char* kind;
  const char* path;
};
constexpr auto kImmutable =
    std::to_array<ImmutableField>({{"Deployment", "spec.selector"},
                                   {"ReplicaSet", "spec.selector"},
                                   {"DaemonSet", "spec.selector"},
                                   {"Job", "spec.selector"},
                                   {"Job", "spec.template"},
                                   {"Job", "spec.completionMode"},
                                   {"Secret", "type"},
                                   {"ControllerRevision", "data"},
                                   {"RoleBinding", "roleRef"},
                                   {"ClusterRoleBinding", "roleRef"},
                                   {"StorageClass", "provisioner"},
                                   {"StorageClass", "volumeBindingMode"},
                                   {"CustomResourceDefinition", "spec.scope"},
                                   {"EndpointSlice", "addressType"}});
constexpr auto kStatefulSetMutable = std::to_array<std::string_view>(
    {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
     "persistentVolumeClaimRetentionPolicy", "minReadySeconds"});

bool differs(const Json* a, const Json* b) {
  return !codec::same_json(a == nullptr ? Json() : *a, b == nullptr ? Json() : *b);
}

Json without_mutable(const Json* spec) {
  Json rest = spec == nullptr ? Json::object() : *spec;
  for (const std::string_view key : kStatefulSetMutable) rest.erase(std::string(key));
  return rest;
}

bool is_frozen(const Json& live) {
  const Json* immutable = codec::find_key(live, "immutable");
  return immutable != nullptr && *immutable == true;
}

}  // namespace

const Json* find_at(const Json& object, std::string_view path) {
  const Json* at = &object;
  for (const std::string_view key : split(path, '.')) {
    at = at == nullptr ? nullptr : codec::find_key(*at, key);
  }
  return at;
}

std::vector<Cause> metadata_problems(const Resource& resource, const Json& object) {
  std::vector<Cause> causes;
  const Json* metadata = codec::find_key(object, "metadata");
  if (metadata == nullptr || !metadata->is_object()) return causes;
  check_name(resource, codec::string_or(*metadata, "name", ""), causes);
  check_labels(codec::find_key(*metadata, "labels"), "metadata.labels", causes);
  check_annotations(codec::find_key(*metadata, "annotations"), causes);
  check_owners(codec::find_key(*metadata, "ownerReferences"), causes);
  return causes;
}

std::vector<Cause> builtin_problems(const Resource& resource, const Json& object) {
  std::vector<Cause> causes;
  if (resource.origin != SchemaOrigin::kBuiltin) return causes;
  if (resource.kind == "Pod") {
    check_pod_spec(find_at(object, "spec"), "spec", MoreVolumes::kNo, causes);
  }
  if (resource.group == "apps" && resource.kind != "ControllerRevision") {
    check_selector(object, causes);
    check_labels(find_at(object, "spec.template.metadata.labels"), "spec.template.labels", causes);
  }
  const Json* rolling = find_at(object, "spec.strategy.rollingUpdate");
  if (resource.kind == "Deployment" && rolling != nullptr &&
      codec::text_at(object, {"spec", "strategy", "type"}) == "Recreate") {
    causes.push_back({.reason = "FieldValueForbidden",
                      .message = "Forbidden: may not be specified when strategy `type` is "
                                 "'Recreate'",
                      .field = "spec.strategy.rollingUpdate"});
  }
  if (resource.group == "apps" || resource.kind == "Job") {
    const bool claims = resource.kind == "StatefulSet";
    check_pod_spec(find_at(object, "spec.template.spec"), "spec.template.spec",
                   claims ? MoreVolumes::kYes : MoreVolumes::kNo, causes);
  }
  if (resource.kind == "Job") {
    const Json* policy = find_at(object, "spec.template.spec.restartPolicy");
    if (policy != nullptr && *policy == "Always") {
      causes.push_back({.reason = "FieldValueRequired",
                        .message = "Required value: valid values: \"OnFailure\", \"Never\"",
                        .field = "spec.template.spec.restartPolicy"});
    }
  }
  const Json* replicas = find_at(object, "spec.replicas");
  if (replicas != nullptr && replicas->is_number() && replicas->get<double>() < 0) {
    causes.push_back(
        invalid_value("spec.replicas", *replicas, "must be greater than or equal to 0"));
  }
  if (resource.kind == "Service" && resource.group.empty()) {
    const Json* ports = find_at(object, "spec.ports");
    const Json* type = find_at(object, "spec.type");
    const Json* address = find_at(object, "spec.clusterIP");
    const bool headless = address != nullptr && *address == "None";
    const bool external = type != nullptr && *type == "ExternalName";
    check_port_names(ports, causes);
    if ((ports == nullptr || ports->empty()) && !headless && !external) {
      causes.push_back(
          {.reason = "FieldValueRequired", .message = "Required value", .field = "spec.ports"});
    }
  }
  return causes;
}

std::vector<Cause> immutability_problems(const Resource& resource, const Json& live,
                                         const Json& next) {
  std::vector<Cause> causes;
  if (resource.origin != SchemaOrigin::kBuiltin) return causes;
  for (const ImmutableField& field : kImmutable) {
    if (resource.kind != field.kind) continue;
    const Json* now = find_at(next, field.path);
    if (!differs(find_at(live, field.path), now)) continue;
    causes.push_back(
        invalid_value(field.path, now == nullptr ? Json() : *now, "field is immutable"));
  }
  if (resource.kind == "StatefulSet" && !codec::same_json(without_mutable(find_at(live, "spec")),
                                                          without_mutable(find_at(next, "spec")))) {
    causes.push_back(
        {.reason = "FieldValueForbidden",
         .message = "Forbidden: updates to statefulset spec for fields other than 'replicas', "
                    "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
         .field = "spec"});
  }
  const bool holds_data = resource.kind == "ConfigMap" || resource.kind == "Secret";
  if (holds_data && is_frozen(live) && differs(find_at(live, "data"), find_at(next, "data"))) {
    causes.push_back({.reason = "FieldValueForbidden",
                      .message = "Forbidden: field is immutable when `immutable` is set",
                      .field = "data"});
  }
  return causes;
}

}  // namespace rage::kubeobjects::detail
