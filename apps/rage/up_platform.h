// What all forms of `rage up` have in common: the platform in the background, a client of it, and
// what it serves.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apply_manifests.h"
#include "base/clock.h"
#include "base/error.h"
#include "kube/client.h"
#include "net/http_client.h"
#include "platform/services.h"

namespace rage::app {

// How long what runs in the background may take to end.
inline constexpr std::chrono::seconds kStopGrace{15};

struct PlatformStart {
  std::filesystem::path data;  // Absolute.
  int port_base = 8300;
  std::vector<std::string> substitutes;  // "PRESET=REFERENCE"
};

// This program; empty if the system does not say.
std::filesystem::path own_program();

// Starts the platform in the background unless it runs; anew if it runs without one of the
// substitutes. kFailedPrecondition names a port that is taken.
Result<void> start_platform(const PlatformStart& options, Clock& clock,
                            net::HttpTransport& transport);

// Transport and clock outlive it.
Result<std::unique_ptr<kube::KubeClient>> platform_client(const std::filesystem::path& data,
                                                          Clock& clock,
                                                          net::HttpTransport& transport);

// `rage up -f FILE -k DIR`: starts, applies, waits, prints.
Result<void> up_manifests(const PlatformStart& options, const ManifestOptions& manifests);

// The objects that running_services() reads, with the addresses of this machine.
Result<platform::ServicesView> view_platform(const std::filesystem::path& data,
                                             kube::KubeClient& client);
// What the platform of `data` serves, if it runs.
Result<std::vector<platform::RunningService>> platform_services(const std::filesystem::path& data);

}  // namespace rage::app
