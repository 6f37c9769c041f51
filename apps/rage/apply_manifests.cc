#include "apply_manifests.h"

#include <fmt/format.h>

#include <cstdio>

#include "platform/bring_up.h"
#include "platform/system_objects.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kManifestsApplyLimit = 120s;

const char* word_of(platform::Applied applied) {
  switch (applied) {
    case platform::Applied::kCreated:
      return "created";
    case platform::Applied::kConfigured:
      return "configured";
    case platform::Applied::kUnchanged:
      return "unchanged";
  }
  return "";
}

void print_progress(const platform::AppliedObject& object, const platform::Readiness& readiness) {
  const bool ready = readiness.state == platform::Readiness::State::kReady;
  fmt::print("{}\t{}\n", object.name(), ready ? "ready" : "waiting: " + readiness.why);
  std::fflush(stdout);
}

}  // namespace

Result<std::vector<codec::Json>> ManifestOptions::gather() const {
  if (!any()) {
    return fail(ErrorCode::kInvalidArgument, "nothing to apply: say -f FILE or -k FOLDER");
  }
  return platform::gather_manifests(files, kustomizations);
}

Result<void> apply_manifests(kube::KubeClient& client, Clock& clock, const std::string& ns,
                             std::vector<codec::Json> objects, int wait_seconds) {
  ASSIGN_OR_RETURN(
      const auto applied,
      platform::apply_objects(Context::with_timeout(kManifestsApplyLimit), client, clock,
                              {.field_manager = platform::kFieldManager, .ns = ns},
                              std::move(objects), [](const platform::AppliedObject& object) {
                                fmt::print("{}\t{}\n", object.name(), word_of(object.applied));
                              }));
  std::fflush(stdout);
  if (wait_seconds == 0) return {};
  return platform::wait_ready(Context::with_timeout(std::chrono::seconds(wait_seconds)), client,
                              clock, applied, print_progress);
}

}  // namespace rage::app
