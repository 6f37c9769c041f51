#include "gateway/file_source.h"

#include <fmt/format.h>

#include <utility>

#include "gateway/detail/file_fingerprint.h"
#include "obs/log.h"

namespace rage::gateway {
namespace {

constexpr std::chrono::milliseconds kLookInterval{500};

}  // namespace

Result<gatewayapi::World> read_world(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(gatewayapi::FileConfig config, gatewayapi::read_files(path));
  if (config.problems.empty()) return std::move(config.world);
  std::string all;
  for (const gatewayapi::FileProblem& problem : config.problems) {
    all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", problem.where, problem.message);
  }
  return fail(ErrorCode::kInvalidArgument, "{}", all);
}

FileWatcher::FileWatcher(std::filesystem::path path, Clock& clock,
                         std::function<void(const gatewayapi::World&)> changed)
    : path_(std::move(path)),
      clock_(clock),
      changed_(std::move(changed)),
      seen_(detail::fingerprint_of(path_)),
      thread_([this](std::stop_token stop) { watch(stop); }) {}

void FileWatcher::watch(std::stop_token stop) {
  while (clock_.sleep_for(kLookInterval, stop)) {
    std::string now = detail::fingerprint_of(path_);
    if (now == seen_) continue;
    // Whoever writes them may not be done: they must hold still for a moment.
    if (!clock_.sleep_for(kLookInterval / 5, stop)) return;
    if (detail::fingerprint_of(path_) != now) continue;
    seen_ = std::move(now);
    const auto world = read_world(path_);
    if (!world) {
      obs::log().error("the configuration has mistakes, the one before stays in use",
                       {{"error", world.error().message}});
      continue;
    }
    obs::log().info("the configuration has changed", {{"path", path_.string()}});
    changed_(*world);
  }
}

}  // namespace rage::gateway
