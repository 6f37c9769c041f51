#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "operator/detail/serving_adapters.h"
#include "operator/detail/serving_shell.h"

namespace rage::op::detail {
namespace {

constexpr std::string_view kPullerImage = "mcr.microsoft.com/aks/skopeo:1.14.4-6";
constexpr std::string_view kAdapterRoot = "/mnt/adapter";
constexpr std::string_view kAdapterVolume = "adapter-volume";
constexpr std::string_view kDockerConfigs = "/etc/docker-config.d";

// Layers in the manifest's order; the configuration is listed beside them and is no archive.
// Nothing but /data of the image gets out of the scratch directory.
constexpr std::string_view kPullScript = R"(set -eu
image={image}
out={directory}
work=$(mktemp -d)
pulled=
skopeo copy "docker://$image" "dir:$work/image" && pulled=1
for auth in {configs}/*/*; do
  [ -z "$pulled" ] && [ -f "$auth" ] || continue
  rm -rf "$work/image"
  skopeo copy --authfile "$auth" "docker://$image" "dir:$work/image" && pulled=1
done
[ -n "$pulled" ] || {{ echo "cannot pull $image" >&2; exit 1; }}
mkdir -p "$work/files" "$out"
blobs=$(grep -o '"sha256:[0-9a-f]*"' "$work/image/manifest.json" | tr -d '"' | cut -d: -f2)
for digest in $blobs; do
  if tar -tf "$work/image/$digest" >/dev/null 2>&1; then
    tar -xf "$work/image/$digest" -C "$work/files" --no-same-owner
  fi
done
[ -d "$work/files/data" ] || {{ echo "$image holds no /data" >&2; exit 1; }}
cp -R "$work/files/data/." "$out/"
rm -rf "$work"
)";

bool is_label_character(char c) {
  return is_ascii_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.';
}

bool is_subdomain(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, is_label_character) && name.front() != '-' &&
         name.front() != '.' && name.back() != '-' && name.back() != '.' && !name.contains("..");
}

// What is left for the name of an adapter in the longest name made from it, a DNS label.
std::size_t name_bytes_max(const apis::DataSource& source) {
  constexpr std::size_t kLabelMax = 63;
  if (source.image.empty()) return kLabelMax - std::string_view("adapter-volume-").size();
  if (source.image_pull_secrets.empty()) return kLabelMax - std::string_view("puller-").size();
  return kLabelMax - std::string_view("docker-config--inference-adapter").size();
}

// For volumes and containers: a subdomain's dots are legal in neither.
std::string object_name(std::string_view adapter) {
  std::string name(adapter);
  std::ranges::replace(name, '.', '-');
  return name;
}

Result<void> check_adapter(const apis::Adapter& adapter, const std::string& path) {
  if (!adapter.source) return fail(ErrorCode::kInvalidArgument, "{}.source is missing", path);
  const apis::DataSource& source = *adapter.source;
  if (!is_subdomain(source.name) || source.name.size() > name_bytes_max(source)) {
    return fail(ErrorCode::kInvalidArgument,
                "{}.source.name: '{}' is no DNS subdomain of at most {} characters", path,
                source.name, name_bytes_max(source));
  }
  if (!adapter.strength.empty() && is_ascii_digit(source.name.front())) {
    return fail(ErrorCode::kInvalidArgument,
                "{}.source.name: '{}' begins with a digit, so its strength cannot be told to the "
                "server: it is passed in a variable of that name",
                path, source.name);
  }
  if (source.image.empty() && !source.volume_source.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "{}.source needs an image or a volumeSource", path);
  }
  return {};
}

void add_image_adapter(const apis::DataSource& source, std::string_view name, AdapterParts& parts) {
  PullSecrets secrets =
      pull_secret_parts(fmt::format("{}-inference-adapter", name), source.image_pull_secrets);
  append(parts.volumes, std::move(secrets.volumes));
  Json mounts = Json::array({{{"name", kAdapterVolume}, {"mountPath", kAdapterRoot}}});
  append(mounts, std::move(secrets.mounts));
  parts.init_containers.push_back(image_puller(fmt::format("puller-{}", name), source.image,
                                               fmt::format("{}/{}", kAdapterRoot, source.name),
                                               std::move(mounts)));
}

void add_volume_adapter(const apis::DataSource& source, std::string_view name,
                        AdapterParts& parts) {
  const std::string volume = fmt::format("adapter-volume-{}", name);
  parts.volumes.push_back(user_volume(volume, source.volume_source));
  parts.mounts.push_back(
      {{"name", volume}, {"mountPath", fmt::format("{}/{}", kAdapterRoot, source.name)}});
}

}  // namespace

Result<void> check_adapters(const std::vector<apis::Adapter>& adapters) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    const std::string path = fmt::format("inference.adapters[{}]", i);
    RETURN_IF_ERROR(check_adapter(adapters[i], path));
    if (!names.insert(object_name(adapters[i].source->name)).second) {
      return fail(ErrorCode::kInvalidArgument, "{}.source.name: '{}' is taken by another adapter",
                  path, adapters[i].source->name);
    }
  }
  return {};
}

AdapterParts adapter_parts(const std::vector<apis::Adapter>& adapters) {
  AdapterParts parts;
  if (adapters.empty()) return parts;
  parts.volumes.push_back({{"name", kAdapterVolume}, {"emptyDir", Json::object()}});
  parts.mounts.push_back({{"name", kAdapterVolume}, {"mountPath", kAdapterRoot}});
  for (const apis::Adapter& adapter : adapters) {
    const apis::DataSource& source = *adapter.source;
    const std::string name = object_name(source.name);
    if (source.image.empty()) {
      add_volume_adapter(source, name, parts);
    } else {
      add_image_adapter(source, name, parts);
    }
    if (!adapter.strength.empty())
      parts.environment.push_back({{"name", source.name}, {"value", adapter.strength}});
    parts.pull_secrets.insert(parts.pull_secrets.end(), source.image_pull_secrets.begin(),
                              source.image_pull_secrets.end());
  }
  return parts;
}

Json image_puller(std::string_view container_name, std::string_view image,
                  std::string_view directory, Json mounts) {
  std::string script = fmt::format(
      kPullScript, fmt::arg("image", shell_word(normalized_image(image))),
      fmt::arg("directory", shell_word(directory)), fmt::arg("configs", kDockerConfigs));
  return {{"name", container_name},
          {"image", kPullerImage},
          {"command", shell_command(std::move(script))},
          {"volumeMounts", std::move(mounts)}};
}

PullSecrets pull_secret_parts(std::string_view name, const std::vector<std::string>& secrets) {
  PullSecrets parts;
  if (secrets.empty()) return parts;
  const std::string volume = fmt::format("docker-config-{}", name);
  Json sources = Json::array();
  for (const std::string& secret : secrets) {
    const Json item = {{"key", ".dockerconfigjson"}, {"path", secret + ".json"}};
    sources.push_back({{"secret", {{"name", secret}, {"items", Json::array({item})}}}});
  }
  parts.volumes.push_back({{"name", volume}, {"projected", {{"sources", std::move(sources)}}}});
  parts.mounts.push_back({{"name", volume},
                          {"mountPath", fmt::format("{}/{}", kDockerConfigs, name)},
                          {"readOnly", true}});
  return parts;
}

std::string normalized_image(std::string_view image) {
  std::string full(image);
  const std::size_t slash = image.find('/');
  const std::string_view host = image.substr(0, slash);
  const bool has_host = slash != std::string_view::npos &&
                        (host.find_first_of(".:") != std::string_view::npos || host == "localhost");
  if (!has_host)
    full.insert(0, slash == std::string_view::npos ? "docker.io/library/" : "docker.io/");
  const bool has_tag = full.find(':', full.rfind('/')) != std::string::npos || full.contains('@');
  return has_tag ? full : full + ":latest";
}

Json image_pull_secrets(const std::vector<std::string>& names) {
  Json secrets;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    if (seen.insert(name).second) secrets.push_back({{"name", name}});
  }
  return secrets;
}

void append(Json& array, Json items) {
  for (Json& item : items) array.push_back(std::move(item));
}

Json user_volume(std::string_view name, const Json& source) {
  Json volume = {{"name", name}};
  for (const auto& [key, value] : source.items()) {
    if (key != "name") volume[key] = value;
  }
  return volume;
}

}  // namespace rage::op::detail
