#include "node/pod_environment.h"

#include <algorithm>
#include <cmath>

#include "apis/quantity.h"
#include "base/base64.h"
#include "base/strings.h"
#include "node/detail/references.h"

namespace rage::node {
namespace {

using codec::find_key;
using codec::string_or;

// The data of a ConfigMap or Secret, decoded; none if it is missing and may be.
Result<std::optional<Environment>> data_of(std::string_view kind, const std::string& ns,
                                           const Json& reference, const FindObject& find) {
  const std::string name = string_or(reference, "name", "");
  const auto object = find(kind, {.ns = ns, .name = name});
  if (!object) {
    if (detail::is_optional(reference)) return std::optional<Environment>();
    return fail(ErrorCode::kFailedPrecondition, "{} \"{}\" not found", to_lower_ascii(kind), name);
  }
  Environment data;
  const Json* entries = find_key(*object, "data");
  if (entries == nullptr || !entries->is_object()) return std::optional(std::move(data));
  for (const auto& [key, value] : entries->items()) {
    if (!value.is_string()) continue;
    const std::string& text = value.get_ref<const std::string&>();
    data.emplace_back(key, kind == "Secret" ? decode_base64(text).value_or("") : text);
  }
  return std::optional(std::move(data));
}

Result<void> add_from(const Json& source, const std::string& ns, const FindObject& find,
                      Environment& environment) {
  const std::string prefix = string_or(source, "prefix", "");
  for (const auto& [field, kind] :
       {std::pair("configMapRef", "ConfigMap"), std::pair("secretRef", "Secret")}) {
    const Json* reference = find_key(source, field);
    if (reference == nullptr) continue;
    ASSIGN_OR_RETURN(const auto data, data_of(kind, ns, *reference, find));
    if (!data) continue;
    for (const auto& [key, value] : *data) set_value(environment, prefix + key, value);
  }
  return {};
}

// None: the key is missing and may be.
Result<std::optional<std::string>> key_value(std::string_view kind, const std::string& ns,
                                             const Json& reference, const FindObject& find) {
  ASSIGN_OR_RETURN(const auto data, data_of(kind, ns, reference, find));
  if (!data) return std::optional<std::string>();
  const std::string key = string_or(reference, "key", "");
  const auto found = std::ranges::find(*data, key, &Environment::value_type::first);
  if (found != data->end()) return std::optional(found->second);
  if (detail::is_optional(reference)) return std::optional<std::string>();
  return fail(ErrorCode::kFailedPrecondition, "couldn't find key {} in {} \"{}\"", key, kind,
              string_or(reference, "name", ""));
}

// Fields that name another container are not resolved: `resourceFieldRef` means this one.
Result<std::optional<std::string>> value_from(const Json& pod, const Json& container,
                                              const Json& source, const PodFacts& facts,
                                              const FindObject& find) {
  const std::string ns = apis::parse_meta(pod).ns;
  if (const Json* reference = find_key(source, "configMapKeyRef")) {
    return key_value("ConfigMap", ns, *reference, find);
  }
  if (const Json* reference = find_key(source, "secretKeyRef")) {
    return key_value("Secret", ns, *reference, find);
  }
  if (const Json* field = find_key(source, "fieldRef")) {
    ASSIGN_OR_RETURN(std::string value,
                     field_value(pod, facts, string_or(*field, "fieldPath", "")));
    return std::optional(std::move(value));
  }
  if (const Json* field = find_key(source, "resourceFieldRef")) {
    ASSIGN_OR_RETURN(std::string value, resource_value(container, string_or(*field, "resource", ""),
                                                       string_or(*field, "divisor", "")));
    return std::optional(std::move(value));
  }
  return fail(ErrorCode::kInvalidArgument, "an environment variable has a source nobody knows");
}

// The text in quotes of "metadata.labels['key']".
std::optional<std::string> subscript(std::string_view path, std::string_view map) {
  if (!path.starts_with(map) || !path.ends_with("']")) return std::nullopt;
  path.remove_prefix(map.size());
  if (!path.starts_with("['") || path.size() < 4) return std::nullopt;
  return std::string(path.substr(2, path.size() - 4));
}

bool continues_path(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || c == '_' || c == '-' || c == '.';
}

// A path begins here: what stands before is no part of one.
bool begins_at(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  return !continues_path(before) && before != '/' && before != '}';
}

bool ends_at(std::string_view text, std::size_t end) {
  if (end >= text.size() || text[end] == '/') return true;
  // A full stop that ends a sentence ends the path, too.
  if (text[end] == '.') return end + 1 >= text.size() || is_ascii_space(text[end + 1]);
  return !continues_path(text[end]);
}

Result<std::string> below(const std::string& directory, const std::string& sub_path) {
  if (sub_path.empty()) return directory;
  for (const std::string_view part : split(sub_path, '/')) {
    if (part == "..") {
      return fail(ErrorCode::kInvalidArgument, "subPath \"{}\" leaves its volume", sub_path);
    }
  }
  if (sub_path.starts_with('/')) {
    return fail(ErrorCode::kInvalidArgument, "subPath \"{}\" must be relative", sub_path);
  }
  return directory + "/" + sub_path;
}

std::vector<std::string> words_of(const Json& container, std::string_view key,
                                  const Environment& environment,
                                  const std::vector<Mount>& mounts) {
  std::vector<std::string> words;
  for (const Json& word : items_of(container, key)) {
    if (!word.is_string()) continue;
    const std::string& text = word.get_ref<const std::string&>();
    words.push_back(rewrite_paths(expand_variables(text, environment), mounts));
  }
  return words;
}

}  // namespace

const Json& items_of(const Json& object, std::string_view key) {
  static const Json kNone = Json::array();
  const Json* found = find_key(object, key);
  return found != nullptr && found->is_array() ? *found : kNone;
}

Result<std::string> field_value(const Json& pod, const PodFacts& facts, std::string_view path) {
  const apis::ObjectMeta meta = apis::parse_meta(pod);
  if (path == "metadata.name") return meta.name;
  if (path == "metadata.namespace") return meta.ns;
  if (path == "metadata.uid") return meta.uid;
  if (path == "status.podIP" || path == "status.podIPs") return facts.pod_ip;
  if (path == "status.hostIP" || path == "status.hostIPs") return facts.host_ip;
  if (const auto key = subscript(path, "metadata.labels")) return meta.label(*key);
  if (const auto key = subscript(path, "metadata.annotations")) return meta.annotation(*key);
  const Json* spec = find_key(pod, "spec");
  if (spec != nullptr && path == "spec.nodeName") return string_or(*spec, "nodeName", "");
  if (spec != nullptr && path == "spec.serviceAccountName") {
    return string_or(*spec, "serviceAccountName", "");
  }
  return fail(ErrorCode::kInvalidArgument, "no pod has the field {}", path);
}

Result<std::string> resource_value(const Json& container, std::string_view resource,
                                   std::string_view divisor) {
  const std::size_t dot = resource.find('.');
  const std::string_view list = resource.substr(0, dot);
  if (dot == std::string_view::npos || (list != "limits" && list != "requests")) {
    return fail(ErrorCode::kInvalidArgument, "no container has the resource field {}", resource);
  }
  const Json* amounts = find_path(container, {"resources", list});
  const std::string amount =
      amounts == nullptr ? "" : string_or(*amounts, resource.substr(dot + 1), "");
  const double per = apis::parse_quantity(divisor).value_or(1);
  return fmt::format("{:.0f}",
                     std::ceil(apis::parse_quantity(amount).value_or(0) / (per > 0 ? per : 1)));
}

Result<Environment> container_environment(const Json& pod, const Json& container,
                                          const PodFacts& facts, const FindObject& find) {
  Environment environment;
  const std::string ns = apis::parse_meta(pod).ns;
  for (const Json& source : items_of(container, "envFrom")) {
    RETURN_IF_ERROR(add_from(source, ns, find, environment));
  }
  for (const Json& variable : items_of(container, "env")) {
    const std::string name = string_or(variable, "name", "");
    if (const Json* source = find_key(variable, "valueFrom")) {
      ASSIGN_OR_RETURN(auto value, value_from(pod, container, *source, facts, find));
      if (value) set_value(environment, name, *std::move(value));
      continue;
    }
    set_value(environment, name, expand_variables(string_or(variable, "value", ""), environment));
  }
  return environment;
}

std::string expand_variables(std::string_view text, const Environment& environment) {
  std::string expanded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '$' || at + 1 >= text.size()) {
      expanded += text[at];
      continue;
    }
    if (text[at + 1] == '$') {
      expanded += '$';
      ++at;
      continue;
    }
    const std::size_t end = text[at + 1] == '(' ? text.find(')', at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      expanded += '$';
      continue;
    }
    const std::string_view name = text.substr(at + 2, end - at - 2);
    const auto found = std::ranges::find(environment, name, &Environment::value_type::first);
    expanded +=
        found == environment.end() ? std::string(text.substr(at, end + 1 - at)) : found->second;
    at = end;
  }
  return expanded;
}

Result<std::vector<Mount>> container_mounts(const Json& container, const Environment& environment,
                                            const std::map<std::string, std::string>& directories) {
  std::vector<Mount> mounts;
  for (const Json& entry : items_of(container, "volumeMounts")) {
    const std::string name = string_or(entry, "name", "");
    std::string path = string_or(entry, "mountPath", "");
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (!path.starts_with('/') || path == "/") {
      return fail(ErrorCode::kInvalidArgument, "volume {} cannot be mounted at \"{}\" here", name,
                  path);
    }
    const auto directory = directories.find(name);
    if (directory == directories.end()) {
      return fail(ErrorCode::kInvalidArgument, "the pod has no volume {}", name);
    }
    std::string sub_path = string_or(entry, "subPath", "");
    if (sub_path.empty()) {
      sub_path = expand_variables(string_or(entry, "subPathExpr", ""), environment);
    }
    ASSIGN_OR_RETURN(std::string host, below(directory->second, sub_path));
    mounts.push_back({.container_path = std::move(path), .host_path = std::move(host)});
  }
  return mounts;
}

std::string rewrite_paths(std::string_view text, const std::vector<Mount>& mounts) {
  std::string rewritten;
  for (std::size_t at = 0; at < text.size();) {
    const Mount* best = nullptr;
    for (const Mount& mount : mounts) {
      const std::string& path = mount.container_path;
      const bool here = text.substr(at).starts_with(path) && ends_at(text, at + path.size());
      if (here && (best == nullptr || path.size() > best->container_path.size())) best = &mount;
    }
    if (best == nullptr || !begins_at(text, at)) {
      rewritten += text[at++];
      continue;
    }
    rewritten += best->host_path;
    at += best->container_path.size();
  }
  return rewritten;
}

std::string render_mounts(const std::vector<Mount>& mounts) {
  std::vector<std::string> lines;
  for (const Mount& mount : mounts) {
    lines.push_back(fmt::format("{}={}", mount.container_path, mount.host_path));
  }
  return join(lines, "\n");
}

std::vector<Mount> parse_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split(text, '\n')) {
    const auto between = line.find("=/");
    if (between == std::string_view::npos) continue;
    mounts.push_back({.container_path = std::string(line.substr(0, between)),
                      .host_path = std::string(line.substr(between + 1))});
  }
  return mounts;
}

Result<ContainerRequest> container_request(const Json& pod, const Json& container,
                                           const PodFacts& facts, const FindObject& find,
                                           const std::map<std::string, std::string>& directories) {
  ContainerRequest request{.image = string_or(container, "image", ""), .pod_ip = facts.pod_ip};
  ASSIGN_OR_RETURN(request.environment, container_environment(pod, container, facts, find));
  ASSIGN_OR_RETURN(request.mounts, container_mounts(container, request.environment, directories));
  for (auto& [name, value] : request.environment) value = rewrite_paths(value, request.mounts);
  request.command = words_of(container, "command", request.environment, request.mounts);
  request.args = words_of(container, "args", request.environment, request.mounts);
  request.working_directory = rewrite_paths(string_or(container, "workingDir", ""), request.mounts);
  for (const Json& port : items_of(container, "ports")) {
    const double number = codec::number_or(port, "containerPort", 0);
    if (number > 0 && number < 65536) request.ports.push_back(static_cast<std::uint16_t>(number));
  }
  return request;
}

}  // namespace rage::node
