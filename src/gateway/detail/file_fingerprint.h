// Whether files have changed since they were last looked at.
#pragma once

#include <filesystem>
#include <string>

namespace rage::gateway::detail {

// Names, sizes and times of what lies below `path`, through links, as Kubernetes mounts ConfigMaps.
// Equal fingerprints: nothing has changed. Empty: there is nothing.
std::string fingerprint_of(const std::filesystem::path& path);

}  // namespace rage::gateway::detail
