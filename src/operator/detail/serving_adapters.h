// LoRA adapters, pulled from an image or mounted from a volume, below /mnt/adapter; and the script
// that pulls /data out of an image.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apis/workspace.h"
#include "base/error.h"

namespace rage::op::detail {

using apis::Json;

// kInvalidArgument: an adapter without a source, name or content, or with a name that is unfit for
// a volume or (with a strength) for an environment variable.
Result<void> check_adapters(const std::vector<apis::Adapter>& adapters);

// What adapters add to a pod; all arrays, empty without adapters. Run check_adapters() first.
struct AdapterParts {
  Json volumes = Json::array();
  Json mounts = Json::array();  // Of the main container.
  Json init_containers = Json::array();
  Json environment = Json::array();
  std::vector<std::string> pull_secrets;
};
AdapterParts adapter_parts(const std::vector<apis::Adapter>& adapters);

// "puller-phi-adapter": copies the image, unpacks its layers, moves its /data into `directory`.
Json image_puller(std::string_view container_name, std::string_view image,
                  std::string_view directory, Json mounts);
// A volume of pull secrets and where image_puller() looks for it; both empty without secrets.
struct PullSecrets {
  Json volumes = Json::array();
  Json mounts = Json::array();
};
PullSecrets pull_secret_parts(std::string_view name, const std::vector<std::string>& secrets);

// "docker.io/library/busybox:latest" for "busybox".
std::string normalized_image(std::string_view image);

// [{"name": "a"}, ...], each name once; null if there is none.
Json image_pull_secrets(const std::vector<std::string>& names);

void append(Json& array, Json items);

// A volume called `name` with the user's core/v1 VolumeSource.
Json user_volume(std::string_view name, const Json& source);

}  // namespace rage::op::detail
