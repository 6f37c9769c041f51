// A running gateway's configuration: from a World, whoever changes it, to the snapshot in use.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "gateway/build_snapshot.h"
#include "gateway/gateway.h"
#include "gatewayapi/compile.h"
#include "gatewayapi/world.h"

namespace rage::gateway {

// Resource. One thread.
class Configurator final {
 public:
  struct Options {
    gatewayapi::CompileOptions compile;
    BuildOptions build;
  };
  // What is referred to outlives it.
  Configurator(Options options, PickerProvider& pickers)
      : options_(std::move(options)), pickers_(pickers) {}

  // Compiles and builds; what annotations say that is no use is logged once.
  std::shared_ptr<const Snapshot> build(const gatewayapi::World& world);
  // Of the last build().
  const gatewayapi::Compiled& compiled() const { return compiled_; }

 private:
  const Options options_;
  PickerProvider& pickers_;
  gatewayapi::Compiled compiled_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::vector<std::string> complaints_;
};

}  // namespace rage::gateway
