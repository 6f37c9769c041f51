#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "base/files.h"
#include "codec/yaml.h"
#include "kustomize/detail/item.h"
#include "kustomize/detail/kustomization.h"
#include "kustomize/kustomize.h"

namespace rage::kustomize {
namespace {

namespace fs = std::filesystem;

constexpr int kDepthMax = 32;
constexpr std::size_t kObjectsMax = 20'000;
constexpr std::uint64_t kFileBytesMax = std::uint64_t{8} << 20;
constexpr std::array kFileNames = {"kustomization.yaml", "kustomization.yml", "Kustomization"};

std::string joined(const std::string& directory, const std::string& relative) {
  std::string path = (fs::path(directory) / relative).lexically_normal().string();
  if (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool is_below(const std::string& path, const std::string& directory) {
  return directory == "/" || path.starts_with(directory + "/");
}

bool is_remote(const std::string& resource) {
  return resource.find("://") != std::string::npos || resource.starts_with("git@") ||
         resource.starts_with("github.com/");
}

// The order in which kubectl applies: what others need first.
int rank(const Json& object) {
  static constexpr std::array<std::string_view, 22> first = {"Namespace",
                                                             "ResourceQuota",
                                                             "StorageClass",
                                                             "CustomResourceDefinition",
                                                             "ServiceAccount",
                                                             "PodSecurityPolicy",
                                                             "Role",
                                                             "ClusterRole",
                                                             "RoleBinding",
                                                             "ClusterRoleBinding",
                                                             "ConfigMap",
                                                             "Secret",
                                                             "Endpoints",
                                                             "Service",
                                                             "LimitRange",
                                                             "PriorityClass",
                                                             "PersistentVolume",
                                                             "PersistentVolumeClaim",
                                                             "Deployment",
                                                             "StatefulSet",
                                                             "CronJob",
                                                             "PodDisruptionBudget"};
  static constexpr std::array<std::string_view, 2> last = {"MutatingWebhookConfiguration",
                                                           "ValidatingWebhookConfiguration"};
  const std::string kind = kind_of(object);
  const auto at = std::ranges::find(first, kind);
  if (at != first.end()) return static_cast<int>(at - first.begin()) - 100;
  return std::ranges::count(last, kind) > 0 ? 1 : 0;
}

class Build {
 public:
  explicit Build(const Files& files) : files_(files) {}

  Result<Items> run(const std::string& directory) {
    ASSIGN_OR_RETURN(Items items, accumulate(directory, {}, 0));
    add_hashes(items);
    fix_references(specs_, items);
    std::multimap<int, Item> ordered;  // Of one rank: as they came.
    for (Item& item : items) {
      const int at = rank(item.object);
      ordered.emplace(at, std::move(item));
    }
    items.clear();
    for (auto& [at, item] : ordered) items.push_back(std::move(item));
    return items;
  }

 private:
  Result<std::string> read(const std::string& directory, const std::string& relative) const {
    const std::string path = joined(directory, relative);
    if (!is_below(path, directory)) {
      return fail(ErrorCode::kInvalidArgument,
                  "{}: files outside the folder of their kustomization ({}) are not read", path,
                  directory);
    }
    return files_.read(directory, path);
  }

  Result<std::pair<std::string, Json>> read_document(const std::string& directory) const {
    for (const char* name : kFileNames) {
      const std::string path = joined(directory, name);
      auto text = files_.read(directory, path);
      if (!text && text.error().code == ErrorCode::kNotFound) continue;
      if (!text) return fail(text.error());
      auto document = codec::parse_yaml(*text);
      if (!document) return fail(std::move(document).error().with_context(path));
      return std::pair(path, *std::move(document));
    }
    return fail(ErrorCode::kNotFound, "{}: there is no kustomization.yaml", directory);
  }

  // `base`: what a component is applied to; a kustomization starts from nothing.
  Result<Items> accumulate(const std::string& directory, Items base, int depth) {
    if (depth > kDepthMax) {
      return fail(ErrorCode::kResourceExhausted,
                  "{}: more than {} levels; does a kustomization contain itself?", directory,
                  kDepthMax);
    }
    ASSIGN_OR_RETURN(const auto document, read_document(directory));
    const std::string& file = document.first;
    ASSIGN_OR_RETURN(const Kustomization rules, read_kustomization(document.second, file));
    if (rules.component != (depth > 0 && in_component_)) {
      return fail(ErrorCode::kInvalidArgument, "{}: {}", file,
                  rules.component ? "a Component belongs in components" : "is no Component");
    }
    in_component_ = false;
    for (const std::string& configuration : rules.configurations) {
      ASSIGN_OR_RETURN(const std::string text, read(directory, configuration));
      ASSIGN_OR_RETURN(const Json parsed, codec::parse_yaml(text));
      RETURN_IF_ERROR(add_configuration(parsed, joined(directory, configuration), specs_));
    }
    Items items = std::move(base);
    for (const std::string& resource : rules.resources) {
      RETURN_IF_ERROR(add_resource(directory, resource, depth, items));
    }
    for (const Generator& rule : rules.generators) {
      RETURN_IF_ERROR(generate(
          rule, [&](const std::string& path) { return read(directory, path); }, file, items));
    }
    for (const std::string& component : rules.components) {
      in_component_ = true;
      ASSIGN_OR_RETURN(items,
                       accumulate(joined(directory, component), std::move(items), depth + 1));
    }
    RETURN_IF_ERROR(transform(directory, file, rules, items));
    return items;
  }

  Result<void> add_resource(const std::string& directory, const std::string& resource, int depth,
                            Items& items) {
    if (is_remote(resource)) {
      return fail(ErrorCode::kUnimplemented,
                  "{}: {} is remote; download it and list the copy: what is applied should not "
                  "change by itself",
                  directory, resource);
    }
    const std::string path = joined(directory, resource);
    Items more;
    if (files_.is_directory(path)) {
      ASSIGN_OR_RETURN(more, accumulate(path, {}, depth + 1));
    } else {
      ASSIGN_OR_RETURN(const std::string text, read(directory, resource));
      ASSIGN_OR_RETURN(more, parse_objects(path, text));
    }
    for (Item& item : more) {
      RETURN_IF_ERROR(add_item(path, std::move(item), items));
    }
    return {};
  }

  static Result<Items> parse_objects(const std::string& path, const std::string& text) {
    auto documents = codec::parse_yaml_stream(text);
    if (!documents) return fail(std::move(documents).error().with_context(path));
    Items items;
    for (Json& document : *documents) {
      const Json* listed = codec::find_key(document, "items");
      if (kind_of(document).ends_with("List") && listed != nullptr && listed->is_array()) {
        for (const Json& object : *listed) items.push_back({.object = object});
      } else {
        items.push_back({.object = std::move(document)});
      }
    }
    for (const Item& item : items) {
      if (kind_of(item.object).empty() || name_of(item.object).empty() ||
          version_of(item.object).empty()) {
        return fail(ErrorCode::kInvalidArgument,
                    "{}: an object lacks apiVersion, kind or metadata.name", path);
      }
    }
    return items;
  }

  static Result<void> add_item(const std::string& path, Item item, Items& items) {
    if (items.size() >= kObjectsMax) {
      return fail(ErrorCode::kResourceExhausted, "{}: more than {} objects", path, kObjectsMax);
    }
    for (const Item& other : items) {
      if (name_of(other.object) == name_of(item.object) &&
          kind_of(other.object) == kind_of(item.object) &&
          group_of(other.object) == group_of(item.object) &&
          namespace_of(other.object) == namespace_of(item.object)) {
        return fail(ErrorCode::kInvalidArgument, "{}: {} '{}' is there already", path,
                    kind_of(item.object), name_of(item.object));
      }
    }
    items.push_back(std::move(item));
    return {};
  }

  Result<void> transform(const std::string& directory, const std::string& file,
                         const Kustomization& rules, Items& items) const {
    for (const PatchRule& rule : rules.patches) {
      std::string text = rule.text;
      if (text.empty()) {
        ASSIGN_OR_RETURN(text, read(directory, rule.path));
      }
      RETURN_IF_ERROR(
          apply_patch(rule, text, rule.path.empty() ? file : joined(directory, rule.path), items));
    }
    set_namespace(rules.ns, items);
    add_affixes(rules, specs_, items);
    add_labels(rules.labels, specs_, items);
    add_annotations(rules.annotations, specs_, items);
    auto replicas_set = set_replicas(rules.replicas, specs_, items);
    if (!replicas_set) return fail(std::move(replicas_set).error().with_context(file));
    set_images(rules.images, specs_, items);
    return {};
  }

  const Files& files_;
  FieldSpecs specs_ = default_field_specs();  // Grows by what configurations say.
  bool in_component_ = false;
};

}  // namespace

Result<std::vector<Json>> build(const Files& files, const std::string& directory) {
  ASSIGN_OR_RETURN(Items items, Build(files).run(joined("/", directory)));
  std::vector<Json> objects;
  objects.reserve(items.size());
  for (Item& item : items) objects.push_back(std::move(item.object));
  return objects;
}

Files local_files() {
  return {.read = [](const std::string& directory, const std::string& path) -> Result<std::string> {
            std::error_code error;
            const std::string folder = fs::weakly_canonical(directory, error).string();
            const std::string target = fs::weakly_canonical(path, error).string();
            if (error || !is_below(target, folder)) {
              return fail(ErrorCode::kInvalidArgument, "{}: leads out of {}", path, directory);
            }
            return read_file(path, kFileBytesMax);
          },
          .is_directory =
              [](const std::string& path) {
                std::error_code error;
                return fs::is_directory(path, error);
              }};
}

}  // namespace rage::kustomize
