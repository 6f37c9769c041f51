#include "gatewayapi/file_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <system_error>

#include "base/files.h"
#include "codec/yaml.h"

namespace rage::gatewayapi {
namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{8} << 20;
constexpr std::size_t kFilesMax = 10'000;
constexpr std::array<std::string_view, 2> kClusterScoped = {"GatewayClass", "Namespace"};

std::size_t size_of(const World& w) {
  return w.classes.size() + w.gateways.size() + w.http_routes.size() + w.grpc_routes.size() +
         w.grants.size() + w.services.size() + w.endpoint_slices.size() + w.namespaces.size() +
         w.secrets.size() + w.pools.size() + w.pods.size() + w.objectives.size() +
         w.model_rewrites.size() + w.picker_configs.size();
}

template <class T>
void collect(const ByName<T>& objects, const ObjectName& name, Problems& problems) {
  const auto at = objects.find(name);
  if (at == objects.end()) return;
  problems.insert(problems.end(), at->second.problems.begin(), at->second.problems.end());
}

// What the object itself cannot say, so that a person sees it without asking for a status.
Problems problems_of(const World& world, const std::string& kind, const ObjectName& name) {
  Problems problems;
  if (kind == "InferencePool") collect(world.pools, name, problems);
  if (kind == "Gateway") {
    collect(world.gateways, name, problems);
    for (const Listener& listener : world.gateways.at(name).listeners) {
      problems.insert(problems.end(), listener.problems.begin(), listener.problems.end());
    }
  }
  if (kind == "HTTPRoute" || kind == "GRPCRoute") {
    const auto& routes = kind == "HTTPRoute" ? world.http_routes : world.grpc_routes;
    collect(routes, name, problems);
    for (const RouteRule& rule : routes.at(name).rules) {
      problems.insert(problems.end(), rule.problems.begin(), rule.problems.end());
    }
  }
  if (kind == "Secret" && !world.secrets.at(name).problem.empty()) {
    problems.push_back({.reason = "", .message = world.secrets.at(name).problem});
  }
  return problems;
}

void fill_in_namespace(Json& document, const std::string& kind) {
  if (std::ranges::find(kClusterScoped, kind) != kClusterScoped.end()) return;
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object()) return;
  if (codec::find_key(*metadata, "namespace") == nullptr) (*metadata)["namespace"] = "default";
}

void add_document(FileConfig& config, Json document, const std::string& where) {
  const auto refuse = [&](std::string message) {
    config.problems.push_back({.where = where, .message = std::move(message)});
  };
  if (!document.is_object()) return refuse("not an object");
  const std::string kind = codec::string_or(document, "kind", "");
  if (kind == "List") {
    const Json* items = codec::find_key(document, "items");
    if (items == nullptr || !items->is_array()) return refuse("items: must be a list");
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (codec::string_or((*items)[i], "kind", "") == "List") return refuse("a List in a List");
      add_document(config, (*items)[i], fmt::format("{}, item {}", where, i + 1));
    }
    return;
  }
  fill_in_namespace(document, kind);
  const std::size_t before = size_of(config.world);
  const Result<bool> known = put_object(config.world, document);
  if (!known) return refuse(known.error().message);
  if (!*known) {
    return refuse(fmt::format("apiVersion '{}', kind '{}' is not known here",
                              codec::string_or(document, "apiVersion", ""), kind));
  }
  const Result<Meta> meta = parse_meta(document);
  if (!meta) return;  // An EndpointPickerConfig.
  if (size_of(config.world) == before) {
    refuse(fmt::format("{} '{}/{}' is given twice; this one counts", kind, meta->name.name_space,
                       meta->name.name));
  }
  const Problems problems = problems_of(config.world, kind, meta->name);
  if (!problems.empty()) {
    refuse(fmt::format("{} '{}/{}': {}", kind, meta->name.name_space, meta->name.name,
                       render_problems(problems)));
  }
}

bool is_config_file(const std::filesystem::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<std::filesystem::path>> find_files(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector{path};
  std::set<std::filesystem::path> files;
  auto at = std::filesystem::recursive_directory_iterator(path, error);
  for (; !error && at != std::filesystem::recursive_directory_iterator(); at.increment(error)) {
    if (is_config_file(at->path()) && at->is_regular_file(error)) files.insert(at->path());
    if (files.size() > kFilesMax) {
      return fail(ErrorCode::kResourceExhausted, "more than {} files in {}", kFilesMax,
                  path.string());
    }
  }
  if (error) {
    return fail(ErrorCode::kUnavailable, "reading {}: {}", path.string(), error.message());
  }
  return std::vector<std::filesystem::path>(files.begin(), files.end());
}

}  // namespace

void add_documents(FileConfig& config, std::string_view text, std::string_view source) {
  Result<std::vector<Json>> documents = codec::parse_yaml_stream(text);
  if (!documents) {
    config.problems.push_back({.where = std::string(source), .message = documents.error().message});
    return;
  }
  for (std::size_t i = 0; i < documents->size(); ++i) {
    add_document(config, std::move((*documents)[i]),
                 documents->size() == 1 ? std::string(source)
                                        : fmt::format("{}, document {}", source, i + 1));
  }
}

Result<FileConfig> read_files(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const auto files, find_files(path));
  FileConfig config;
  for (const std::filesystem::path& file : files) {
    ASSIGN_OR_RETURN(const std::string text, read_file(file, kFileBytesMax));
    add_documents(config, text, file.string());
  }
  return config;
}

}  // namespace rage::gatewayapi
