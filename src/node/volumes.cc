#include "node/volumes.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <system_error>

#include "base/base64.h"
#include "base/files.h"
#include "base/strings.h"
#include "node/detail/references.h"

namespace rage::node {
namespace {

namespace fs = std::filesystem;
using codec::find_key;
using codec::number_or;
using codec::string_or;

constexpr std::uint64_t kVolumeBytesMax = std::uint64_t{4} << 20;  // An object has 1.5 MiB at most.

// The parts of planning that every kind of volume needs.
struct Planner {
  const Json& pod;
  const PodFacts& facts;
  const NodePaths& paths;
  const FindObject& find;
  std::string ns;
  std::string uid;
};

bool is_plain(std::string_view path) {
  const auto parts = split(path, '/');
  return !path.empty() && std::ranges::none_of(parts, [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

Result<void> add_file(std::vector<VolumeFile>& files, std::string path, std::string content,
                      unsigned mode) {
  if (!is_plain(path)) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no path inside a volume", path);
  }
  files.push_back({.path = std::move(path), .content = std::move(content), .mode = mode});
  return {};
}

// The keys of a ConfigMap or Secret, binary ones included, by name.
std::map<std::string, std::string> contents_of(const Json& object, bool secret) {
  std::map<std::string, std::string> contents;
  for (const auto& [field, encoded] : {std::pair("data", secret), std::pair("binaryData", true)}) {
    const Json* entries = find_key(object, field);
    if (entries == nullptr || !entries->is_object()) continue;
    for (const auto& [key, value] : entries->items()) {
      if (!value.is_string()) continue;
      const std::string& text = value.get_ref<const std::string&>();
      contents[key] = encoded ? decode_base64(text).value_or("") : text;
    }
  }
  return contents;
}

unsigned mode_of(const Json& source, std::string_view key, unsigned fallback) {
  return static_cast<unsigned>(number_or(source, key, fallback)) & 0777U;
}

// configMap and secret, as volumes and as sources of a projected one.
Result<void> add_keys(const Planner& plan, std::string_view kind, const std::string& name,
                      const Json& source, unsigned mode, std::vector<VolumeFile>& files) {
  const auto object = plan.find(kind, {.ns = plan.ns, .name = name});
  if (!object) {
    if (detail::is_optional(source)) return {};
    return fail(ErrorCode::kFailedPrecondition, "{} \"{}\" not found", to_lower_ascii(kind), name);
  }
  const auto contents = contents_of(*object, kind == "Secret");
  const Json& items = items_of(source, "items");
  if (items.empty()) {
    for (const auto& [key, content] : contents) {
      RETURN_IF_ERROR(add_file(files, key, content, mode));
    }
    return {};
  }
  for (const Json& item : items) {
    const auto found = contents.find(string_or(item, "key", ""));
    if (found == contents.end()) {
      if (detail::is_optional(source)) continue;
      return fail(ErrorCode::kFailedPrecondition, "{} \"{}\" has no key {}", to_lower_ascii(kind),
                  name, string_or(item, "key", ""));
    }
    RETURN_IF_ERROR(add_file(files, string_or(item, "path", found->first), found->second,
                             mode_of(item, "mode", mode)));
  }
  return {};
}

std::string lines_of(const apis::StringMap& map) {
  std::string text;
  for (const auto& [key, value] : map) {
    text += fmt::format("{}={}\n", key, codec::render_json(value));
  }
  return text;
}

Result<void> add_fields(const Planner& plan, const Json& source, unsigned mode,
                        std::vector<VolumeFile>& files) {
  const apis::ObjectMeta meta = apis::parse_meta(plan.pod);
  for (const Json& item : items_of(source, "items")) {
    const Json* field = find_key(item, "fieldRef");
    if (field == nullptr) {
      return fail(ErrorCode::kUnimplemented, "downwardAPI volumes hold fields here, no resources");
    }
    const std::string path = string_or(*field, "fieldPath", "");
    std::string content;
    if (path == "metadata.labels" || path == "metadata.annotations") {
      content = lines_of(path == "metadata.labels" ? meta.labels : meta.annotations);
    } else {
      ASSIGN_OR_RETURN(content, field_value(plan.pod, plan.facts, path));
    }
    RETURN_IF_ERROR(add_file(files, string_or(item, "path", ""), std::move(content),
                             mode_of(item, "mode", mode)));
  }
  return {};
}

// A service account's token is not one of them: programs here have a kubeconfig.
Result<void> add_sources(const Planner& plan, const Json& projected,
                         std::vector<VolumeFile>& files) {
  const unsigned mode = mode_of(projected, "defaultMode", 0644);
  for (const Json& source : items_of(projected, "sources")) {
    if (const Json* map = find_key(source, "configMap")) {
      RETURN_IF_ERROR(add_keys(plan, "ConfigMap", string_or(*map, "name", ""), *map, mode, files));
    } else if (const Json* secret = find_key(source, "secret")) {
      RETURN_IF_ERROR(
          add_keys(plan, "Secret", string_or(*secret, "name", ""), *secret, mode, files));
    } else if (const Json* fields = find_key(source, "downwardAPI")) {
      RETURN_IF_ERROR(add_fields(plan, *fields, mode, files));
    }
  }
  return {};
}

Result<fs::path> claim_directory(const Planner& plan, const std::string& claim) {
  const auto object = plan.find("PersistentVolumeClaim", {.ns = plan.ns, .name = claim});
  if (!object) {
    return fail(ErrorCode::kFailedPrecondition, "persistentvolumeclaim \"{}\" not found", claim);
  }
  const Json* spec = find_key(*object, "spec");
  const std::string volume = spec ? string_or(*spec, "volumeName", "") : "";
  if (volume.empty() || !is_plain(volume) || volume.find('/') != std::string::npos) {
    return fail(ErrorCode::kFailedPrecondition,
                "persistentvolumeclaim \"{}\" is not bound to a volume yet", claim);
  }
  return plan.paths.persistent(volume);
}

Result<fs::path> host_directory(const Planner& plan, const std::string& path) {
  const fs::path wanted = fs::path(path).lexically_normal();
  const fs::path inside = wanted.lexically_relative(plan.paths.data.lexically_normal());
  const bool below = wanted.is_absolute() && !inside.empty() && *inside.begin() != "..";
  if (below) return wanted;
  return fail(ErrorCode::kUnimplemented,
              "hostPath {} lies outside the data directory {}, which pods here must not leave: use "
              "an emptyDir or a claim",
              path, plan.paths.data.string());
}

// A path of the image's own machine ("/opt/kaito/models") is not this machine's to give, and what
// stands in for the model does not read it: it becomes an empty directory of the pod.
bool is_model_host_path(std::string_view path) {
  return path == "/opt/kaito" || path.starts_with("/opt/kaito/");
}

Result<Volume> plan_volume(const Planner& plan, const Json& entry) {
  Volume volume{.name = string_or(entry, "name", "")};
  if (!is_plain(volume.name) || volume.name.find('/') != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no name of a volume", volume.name);
  }
  volume.directory = plan.paths.volume(plan.uid, volume.name);
  volume.generated = true;
  if (const Json* map = find_key(entry, "configMap")) {
    RETURN_IF_ERROR(add_keys(plan, "ConfigMap", string_or(*map, "name", ""), *map,
                             mode_of(*map, "defaultMode", 0644), volume.files));
  } else if (const Json* secret = find_key(entry, "secret")) {
    RETURN_IF_ERROR(add_keys(plan, "Secret", string_or(*secret, "secretName", ""), *secret,
                             mode_of(*secret, "defaultMode", 0644), volume.files));
  } else if (const Json* projected = find_key(entry, "projected")) {
    RETURN_IF_ERROR(add_sources(plan, *projected, volume.files));
  } else if (const Json* fields = find_key(entry, "downwardAPI")) {
    RETURN_IF_ERROR(add_fields(plan, *fields, mode_of(*fields, "defaultMode", 0644), volume.files));
  } else if (const Json* claim = find_key(entry, "persistentVolumeClaim")) {
    volume.generated = false;
    ASSIGN_OR_RETURN(volume.directory, claim_directory(plan, string_or(*claim, "claimName", "")));
  } else if (const Json* host = find_key(entry, "hostPath")) {
    volume.generated = false;
    const std::string path = string_or(*host, "path", "");
    if (!is_model_host_path(path)) {
      ASSIGN_OR_RETURN(volume.directory, host_directory(plan, path));
    }
  } else if (find_key(entry, "emptyDir") != nullptr || entry.size() == 1) {
    volume.generated = false;
  } else if (find_key(entry, "ephemeral") != nullptr) {
    volume.generated = false;
    const std::string made = apis::parse_meta(plan.pod).name + "-" + volume.name;
    ASSIGN_OR_RETURN(volume.directory, claim_directory(plan, made));
  } else {
    return fail(ErrorCode::kUnimplemented,
                "volume {}: this machine has emptyDir, configMap, secret, projected, downwardAPI "
                "and persistentVolumeClaim volumes; use one of them",
                volume.name);
  }
  return volume;
}

Result<void> write_if_changed(const fs::path& path, const VolumeFile& file) {
  const auto there = read_file(path, kVolumeBytesMax);
  if (!there || *there != file.content) {
    RETURN_IF_ERROR(ensure_directory(path.parent_path()));
    RETURN_IF_ERROR(write_file_atomically(path, file.content));
    ::chmod(path.c_str(), file.mode);
  }
  return {};
}

void remove_others(const Volume& volume) {
  std::set<std::string> wanted;
  for (const VolumeFile& file : volume.files) wanted.insert(file.path);
  std::error_code error;
  std::vector<fs::path> extra;
  for (const auto& entry : fs::recursive_directory_iterator(volume.directory, error)) {
    const std::string relative = entry.path().lexically_relative(volume.directory).string();
    if (entry.is_regular_file(error) && !wanted.contains(relative)) extra.push_back(entry.path());
  }
  for (const fs::path& path : extra) fs::remove(path, error);
}

}  // namespace

Result<std::vector<Volume>> plan_volumes(const Json& pod, const PodFacts& facts,
                                         const NodePaths& paths, const FindObject& find) {
  const apis::ObjectMeta meta = apis::parse_meta(pod);
  const Planner plan{
      .pod = pod, .facts = facts, .paths = paths, .find = find, .ns = meta.ns, .uid = meta.uid};
  std::vector<Volume> volumes;
  const Json* spec = find_key(pod, "spec");
  for (const Json& entry : spec ? items_of(*spec, "volumes") : Json::array()) {
    ASSIGN_OR_RETURN(Volume volume, plan_volume(plan, entry));
    volumes.push_back(std::move(volume));
  }
  return volumes;
}

Result<void> make_volumes(const std::vector<Volume>& volumes) {
  for (const Volume& volume : volumes) {
    RETURN_IF_ERROR(ensure_directory(volume.directory));
    for (const VolumeFile& file : volume.files) {
      RETURN_IF_ERROR(write_if_changed(volume.directory / file.path, file));
    }
    if (volume.generated) remove_others(volume);
  }
  return {};
}

std::map<std::string, std::string> directories_of(const std::vector<Volume>& volumes) {
  std::map<std::string, std::string> directories;
  for (const Volume& volume : volumes) directories[volume.name] = volume.directory.string();
  return directories;
}

}  // namespace rage::node
