// The picker that each pool asks for: its own, by ext_proc, or ours.
#pragma once

#include <map>
#include <memory>

#include "gateway/build_snapshot.h"
#include "gateway/ext_proc_picker.h"
#include "gateway/local_pickers.h"

namespace rage::gateway {

// Of an InferencePool: "plain" if its picker serves without TLS.
inline constexpr std::string_view kPickerTransportAnnotation = "rage.dev/picker-transport";

// Resource. One thread. `local` outlives it.
class PoolPickers final : public PickerProvider {
 public:
  // kOurs: whatever endpointPickerRef says, we pick.
  enum class Who { kAsPoolsSay, kOurs };
  PoolPickers(LocalPickers& local, Who who) : local_(local), who_(who) {}

  std::shared_ptr<picker::EndpointPicker> picker_of(
      const gatewayapi::World& world, const gatewayapi::ObjectName& pool,
      const gatewayapi::CompiledPool& compiled,
      const std::vector<routing::Endpoint>& endpoints) override;

  // Forgets the pickers, ours as well, of pools that `snapshot` does not have.
  void retain(const Snapshot& snapshot);

 private:
  struct Remote {
    ExtProcOptions options;
    std::shared_ptr<picker::EndpointPicker> picker;
  };
  LocalPickers& local_;
  const Who who_;
  std::map<gatewayapi::ObjectName, Remote> remote_;  // By pool: requests of two never share one.
};

}  // namespace rage::gateway
