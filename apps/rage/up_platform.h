// `rage up -f FILE -k DIR`: manifests on the embedded platform.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "apply_manifests.h"
#include "base/error.h"
#include "platform/services.h"

namespace rage::app {

struct UpPlatformOptions {
  std::filesystem::path data;  // Absolute.
  int port_base = 8300;
  ManifestOptions manifests;
  std::vector<std::string> substitutes;  // "PRESET=REFERENCE"
};

// Starts the platform in the background if it does not run, applies, waits, prints.
Result<void> up_platform(const UpPlatformOptions& options);

// What the platform of `data` serves, if it runs.
Result<std::vector<platform::RunningService>> platform_services(const std::filesystem::path& data);

}  // namespace rage::app
