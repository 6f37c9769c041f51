#include "gateway/pool_pickers.h"

#include <utility>

namespace rage::gateway {

std::shared_ptr<picker::EndpointPicker> PoolPickers::picker_of(
    const gatewayapi::World& world, const gatewayapi::ObjectName& pool,
    const gatewayapi::CompiledPool& compiled, const std::vector<routing::Endpoint>& endpoints) {
  if (who_ == Who::kOurs || compiled.picker_service.name.empty()) {
    remote_.erase(pool);
    return local_.picker_of(world, pool, compiled, endpoints);
  }
  ExtProcOptions options{.endpoints = gatewayapi::ready_endpoints(world, compiled.picker_service,
                                                                  compiled.picker_port)};
  const auto object = world.pools.find(pool);
  if (object != world.pools.end()) {
    const auto& annotations = object->second.meta.annotations;
    const auto transport = annotations.find(kPickerTransportAnnotation);
    const bool plain = transport != annotations.end() && transport->second == "plain";
    if (plain) options.transport = ExtProcOptions::Transport::kPlain;
  }
  Remote& remote = remote_[pool];
  if (!remote.picker || remote.options != options) {
    remote = {.options = options, .picker = make_ext_proc_picker(options)};
  }
  return remote.picker;
}

void PoolPickers::retain(const Snapshot& snapshot) {
  std::erase_if(remote_, [&](const auto& entry) { return !snapshot.pools.contains(entry.first); });
  local_.retain(snapshot);
}

}  // namespace rage::gateway
