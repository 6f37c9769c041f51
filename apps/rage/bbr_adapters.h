// Where body-based routing learns which base model an adapter belongs to: a file, or ConfigMaps.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "extproc/bbr_config.h"

namespace rage::app {

struct AdapterFlags {
  std::string file;
  std::string kubeconfig;
  std::string context;
  std::string ns;

  void add_to(CLI::App& command);
};

// Resource. Keeps `maps` as the source says, from create() until destroyed. `maps` and `clock`
// outlive it. A source that becomes unreadable leaves what was read last.
class AdapterSource {
 public:
  static Result<std::unique_ptr<AdapterSource>> create(const AdapterFlags& flags,
                                                       extproc::AdapterMaps& maps, Clock& clock);
  virtual ~AdapterSource() = default;
};

}  // namespace rage::app
