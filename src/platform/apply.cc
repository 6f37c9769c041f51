#include "platform/apply.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <optional>

#include "base/files.h"
#include "base/strings.h"
#include "codec/yaml.h"
#include "inspect/kinds.h"

namespace rage::platform {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr std::uint64_t kManifestBytesMax = std::uint64_t{8} << 20;
constexpr auto kKindWait = 10s;  // A CRD is served a moment after it was applied.
constexpr auto kKindPoll = 100ms;

Result<std::vector<Json>> parse_manifests(const std::string& name, std::string_view text) {
  auto documents = codec::parse_yaml_stream(text);
  if (!documents) return fail(std::move(documents).error().with_context(name));
  std::vector<Json> objects;
  for (Json& document : *documents) {
    const Json* items = codec::find_key(document, "items");
    if (codec::string_or(document, "kind", "").ends_with("List") && items != nullptr) {
      objects.insert(objects.end(), items->begin(), items->end());
    } else {
      objects.push_back(std::move(document));
    }
  }
  for (const Json& object : objects) {
    const Json* metadata = codec::find_key(object, "metadata");
    if (codec::string_or(object, "kind", "").empty() || metadata == nullptr ||
        codec::string_or(*metadata, "name", "").empty()) {
      return fail(ErrorCode::kInvalidArgument, "{}: an object lacks kind or metadata.name", name);
    }
  }
  return objects;
}

Result<std::vector<Json>> read_manifest_file(const fs::path& file) {
  ASSIGN_OR_RETURN(const std::string text, read_file(file, kManifestBytesMax));
  return parse_manifests(file.string(), text);
}

// What others need comes first; the order is otherwise kept.
int rank(const Json& object) {
  const std::string kind = codec::string_or(object, "kind", "");
  static constexpr std::array<std::string_view, 7> first = {
      "Namespace", "CustomResourceDefinition", "GatewayClass", "ServiceAccount", "ConfigMap",
      "Secret",    "PersistentVolumeClaim"};
  return static_cast<int>(std::ranges::find(first, kind) - first.begin());
}

class Applier {
 public:
  Applier(kube::KubeClient& client, Clock& clock, const ApplyRules& rules)
      : client_(client), clock_(clock), rules_(rules) {}

  Result<AppliedObject> apply(const Context& context, Json object) {
    AppliedObject done;
    ASSIGN_OR_RETURN(done.type, find_type(context, object));
    Json& metadata = object["metadata"];
    if (done.type.namespaced && codec::string_or(metadata, "namespace", "").empty()) {
      metadata["namespace"] = rules_.ns;
    }
    done.key = {done.type.namespaced ? codec::string_or(metadata, "namespace", "") : "",
                codec::string_or(metadata, "name", "")};
    const auto before = client_.get(context, done.type, done.key);
    if (!before && before.error().code != ErrorCode::kNotFound) return fail(before.error());
    ASSIGN_OR_RETURN(const Json after,
                     client_.apply(context, done.type, object,
                                   {.field_manager = rules_.field_manager, .force = true}));
    done.applied = !before                                    ? Applied::kCreated
                   : version_of(*before) == version_of(after) ? Applied::kUnchanged
                                                              : Applied::kConfigured;
    return done;
  }

 private:
  static std::string version_of(const Json& object) {
    const Json* metadata = codec::find_key(object, "metadata");
    return metadata == nullptr ? "" : codec::string_or(*metadata, "resourceVersion", "");
  }

  std::optional<apis::ResourceType> known_type(const Json& object) const {
    const std::string api_version = codec::string_or(object, "apiVersion", "");
    const std::string kind = codec::string_or(object, "kind", "");
    const std::size_t slash = api_version.find('/');
    const std::string group = slash == std::string::npos ? "" : api_version.substr(0, slash);
    for (const inspect::KindInfo& info : kinds_.all()) {
      if (info.type.kind != kind || info.type.group != group) continue;
      apis::ResourceType type = info.type;
      type.version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
      return type;
    }
    return std::nullopt;
  }

  Result<apis::ResourceType> find_type(const Context& context, const Json& object) {
    const SteadyTime until = clock_.now() + kKindWait;
    while (true) {
      if (const auto type = known_type(object)) return *type;
      ASSIGN_OR_RETURN(kinds_, inspect::discover(context, client_));
      if (const auto type = known_type(object)) return *type;
      if (clock_.now() >= until || !clock_.sleep_for(kKindPoll, context.stop)) {
        return fail(ErrorCode::kNotFound,
                    "no kind {} in {} is served; apply its CustomResourceDefinition first",
                    codec::string_or(object, "kind", ""),
                    codec::string_or(object, "apiVersion", ""));
      }
    }
  }

  kube::KubeClient& client_;
  Clock& clock_;
  const ApplyRules& rules_;
  inspect::Kinds kinds_;
};

}  // namespace

Result<std::vector<Json>> read_manifests(const std::string& path) {
  if (path == "-") {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    return parse_manifests("standard input", text);
  }
  std::error_code error;
  if (!fs::is_directory(path, error)) return read_manifest_file(path);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension().string();
    const std::string name = entry.path().stem().string();
    if (extension != ".yaml" && extension != ".yml" && extension != ".json") continue;
    if (name != "kustomization") files.push_back(entry.path());
  }
  if (error) return fail(ErrorCode::kInvalidArgument, "{}: {}", path, error.message());
  std::ranges::sort(files);
  std::vector<Json> objects;
  for (const fs::path& file : files) {
    ASSIGN_OR_RETURN(auto more, read_manifest_file(file));
    std::ranges::move(more, std::back_inserter(objects));
  }
  if (objects.empty()) return fail(ErrorCode::kNotFound, "{}: holds no manifests", path);
  return objects;
}

std::string AppliedObject::name() const {
  return fmt::format("{}{}{}/{}", to_lower_ascii(type.kind), type.group.empty() ? "" : ".",
                     type.group, key.name);
}

Result<std::vector<AppliedObject>> apply_objects(const Context& context, kube::KubeClient& client,
                                                 Clock& clock, const ApplyRules& rules,
                                                 std::vector<Json> objects,
                                                 const OnApplied& on_applied) {
  std::vector<std::pair<int, std::size_t>> order;
  for (std::size_t i = 0; i < objects.size(); ++i) order.emplace_back(rank(objects[i]), i);
  std::ranges::sort(order);
  Applier applier(client, clock, rules);
  std::vector<AppliedObject> done;
  for (const auto& [rank, i] : order) {
    const std::string kind = codec::string_or(objects[i], "kind", "");
    const std::string name = codec::string_or(objects[i]["metadata"], "name", "");
    auto applied = applier.apply(context, std::move(objects[i]));
    if (!applied) return fail(std::move(applied).error().with_context(kind + " " + name));
    if (on_applied) on_applied(*applied);
    done.push_back(*std::move(applied));
  }
  return done;
}

}  // namespace rage::platform
