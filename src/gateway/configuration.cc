#include "gateway/configuration.h"

#include <algorithm>
#include <utility>

#include "obs/log.h"

namespace rage::gateway {

std::shared_ptr<const Snapshot> Configurator::build(const gatewayapi::World& world) {
  compiled_ = gatewayapi::compile(world, options_.compile);
  BuiltSnapshot built = build_snapshot(world, compiled_, pickers_, options_.build, snapshot_.get());
  for (const std::string& problem : built.problems) {
    if (std::ranges::find(complaints_, problem) != complaints_.end()) continue;
    obs::log().warn("an annotation cannot be used", {{"problem", problem}});
  }
  complaints_ = std::move(built.problems);
  snapshot_ = std::make_shared<const Snapshot>(std::move(built.snapshot));
  return snapshot_;
}

}  // namespace rage::gateway
