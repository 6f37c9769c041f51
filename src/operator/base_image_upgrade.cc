#include <algorithm>
#include <utility>

#include "apis/kinds.h"
#include "operator/detail/base_image_upgrade.h"
#include "operator/maintenance_window.h"

namespace rage::op::detail {
namespace {

enum class ImageState { kCurrent, kUpgrading, kDrifted };

std::string image_of(const Json& stateful_set) {
  static const Json::json_pointer kFirst("/spec/template/spec/containers/0");
  return stateful_set.contains(kFirst) ? codec::string_or(stateful_set.at(kFirst), "image", "")
                                       : "";
}

double number_at(const Json& object, std::string_view part, std::string_view key) {
  const Json* inner = codec::find_key(object, part);
  return inner == nullptr ? 0 : codec::number_or(*inner, key, 0);
}

// All its pods run what it says now.
bool is_rolled_out(const Json& stateful_set) {
  return number_at(stateful_set, "status", "observedGeneration") >=
             number_at(stateful_set, "metadata", "generation") &&
         number_at(stateful_set, "status", "readyReplicas") >=
             number_at(stateful_set, "spec", "replicas");
}

ImageState state_of(const Replica& replica, const Json* stateful_set, const Settings& settings) {
  if (stateful_set == nullptr)
    return ImageState::kCurrent;  // It will be made with the current one.
  const std::string image = image_of(*stateful_set);
  if (image.find("/kaito-base:") == std::string::npos) return ImageState::kCurrent;  // Another's.
  if (image == settings.base_image() && is_rolled_out(*stateful_set)) return ImageState::kCurrent;
  if (replica.workspace->meta.label(kUpgradeLabel) == settings.base_image_tag) {
    return ImageState::kUpgrading;
  }
  // Not ready for another reason than its image.
  return image == settings.base_image() ? ImageState::kCurrent : ImageState::kDrifted;
}

PatchObject start_upgrade(const apis::Workspace& workspace, const Settings& settings,
                          WallTime now) {
  Json patch;
  patch["metadata"]["labels"][std::string(kUpgradeLabel)] = settings.base_image_tag;
  patch["metadata"]["annotations"][std::string(kUpgradeStart)] = render_time(now);
  return {apis::workspace_type(), workspace.meta.key(), std::move(patch)};
}

}  // namespace

ImageUpgrade plan_image_upgrade(const apis::InferenceSet& set, Replicas& replicas,
                                const std::vector<Json>& stateful_sets, const Settings& settings,
                                WallTime now) {
  ImageUpgrade upgrade;
  upgrade.enabled =
      settings.auto_upgrade && set.auto_upgrade.enabled && set.inference.preset.has_value();
  if (!upgrade.enabled) return upgrade;
  bool upgrading = false;
  const apis::Workspace* next = nullptr;  // By UID, as upstream orders them.
  for (Replica& replica : replicas.live) {
    const auto document = std::ranges::find_if(stateful_sets, [&](const Json& item) {
      return apis::parse_meta(item).name == replica.name();
    });
    const auto state =
        state_of(replica, document == stateful_sets.end() ? nullptr : &*document, settings);
    if (state == ImageState::kCurrent) continue;
    ++upgrade.drifted;
    replica.old_image = true;
    if (state == ImageState::kUpgrading) {
      upgrading = true;
      if (!replica.failure.empty()) upgrade.failure = replica.name() + ": " + replica.failure;
    } else if (next == nullptr || replica.workspace->meta.uid < next->meta.uid) {
      next = replica.workspace;
    }
  }
  const bool surge = set.auto_upgrade.strategy == apis::UpgradeStrategy::kSurge;
  for (const Replica& replica : replicas.live) {
    if (surge && upgrade.drifted > 0 && !replica.old_image && !replica.failure.empty()) {
      upgrade.failure = replica.name() + ": " + replica.failure;
    }
  }
  // One change at a time: a template that is being rolled out comes first.
  const bool quiet = replicas.old() == 0 && replicas.ready() >= replicas.desired;
  const auto& window = set.auto_upgrade.window;
  if (next == nullptr || upgrading || !quiet || (window && !is_open(*window, now))) {
    // A surge that has begun is finished outside the window too.
    upgrade.surge =
        surge && upgrade.drifted > 0 && static_cast<int>(replicas.live.size()) > replicas.desired;
    return upgrade;
  }
  if (surge) {
    upgrade.surge = true;
  } else {
    upgrade.changes.emplace_back(start_upgrade(*next, settings, now));
  }
  return upgrade;
}

}  // namespace rage::op::detail
