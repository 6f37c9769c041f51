// The environment and the mounts of a pod's containers, on a machine whose file system they share:
// what a container finds at a path inside it lies in a directory of the pod's. Pure.
// Source: core/v1 Container, EnvVar, EnvVarSource, VolumeMount.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"
#include "base/error.h"
#include "codec/documents.h"
#include "node/images.h"

namespace rage::node {

using apis::ObjectKey;
using codec::find_path;
using codec::Json;

// The object of a kind ("ConfigMap", "Secret", "PersistentVolumeClaim"); none if it is not there.
using FindObject = std::function<std::optional<Json>(std::string_view kind, const ObjectKey& key)>;

// Value. What the node knows of a pod beyond the object.
struct PodFacts {
  std::string pod_ip;
  std::string host_ip = "127.0.0.1";
};

// Variables of `envFrom` and `env`, in their order, $(VAR) expanded; a later one replaces an
// earlier one of its name. kFailedPrecondition: a ConfigMap, Secret or key that is not optional is
// missing; kInvalidArgument: a field that nobody knows.
Result<Environment> container_environment(const Json& pod, const Json& container,
                                          const PodFacts& facts, const FindObject& find);

// $(NAME) becomes its value, $$ a dollar; a name that is not there stays as written.
std::string expand_variables(std::string_view text, const Environment& environment);

// Of a field such as metadata.labels['a'] or status.podIP.
Result<std::string> field_value(const Json& pod, const PodFacts& facts, std::string_view path);
// Of "limits.cpu", "requests.memory", in multiples of `divisor` ("" is one), rounded up.
Result<std::string> resource_value(const Json& container, std::string_view resource,
                                   std::string_view divisor);

// `directories`: of the pod's volumes by name. kInvalidArgument: a volume that is not there, a path
// that is not absolute, is the root, or leaves its volume.
Result<std::vector<Mount>> container_mounts(const Json& container, const Environment& environment,
                                            const std::map<std::string, std::string>& directories);

// Paths inside the container as paths of this machine: every mount's path that stands in `text` as
// a whole or with more parts after it ("/app/output/x.json", "--file=/app/output", not
// "/app/output2" and not "/my/app/output"). The longest mount wins.
std::string rewrite_paths(std::string_view text, const std::vector<Mount>& mounts);

// As RAGE_MOUNTS has them: "/container/path=/host/path", separated by line breaks.
std::string render_mounts(const std::vector<Mount>& mounts);
std::vector<Mount> parse_mounts(std::string_view text);

// The request that images.h answers: environment, command and arguments expanded and moved.
Result<ContainerRequest> container_request(const Json& pod, const Json& container,
                                           const PodFacts& facts, const FindObject& find,
                                           const std::map<std::string, std::string>& directories);

// An array's items; none if it is no array.
const Json& items_of(const Json& object, std::string_view key);

}  // namespace rage::node
