// Where `rage epp` finds its endpoints, and how it chooses among them.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kube/client.h"
#include "net/http_client.h"
#include "obs/metrics.h"
#include "picker/endpoint_picker.h"

namespace rage::app {

// Named as in the reference implementation, so that its charts work.
struct PoolFlags {
  std::string name;
  std::string name_space;
  std::string selector;
  std::string target_ports;
  std::string endpoints;
  std::string endpoints_file;
  std::string config_file;
  std::string config_text;
  std::string kubeconfig;
  std::string refresh_interval = "50ms";
  std::string staleness = "2s";
  std::size_t fallbacks = 2;

  void add_to(CLI::App& command);
};

// In the order of dependency: the picker goes first.
struct PickerOfPool {
  std::unique_ptr<net::HttpTransport> transport;
  std::unique_ptr<kube::KubeClient> client;
  std::unique_ptr<picker::EndpointPicker> picker;
};

// `clock` and `registry` outlive it. kInvalidArgument: flags or a configuration that say nothing
// useful, with what to do.
Result<PickerOfPool> make_picker_of_pool(const PoolFlags& flags, Clock& clock,
                                         obs::MetricRegistry& registry);

}  // namespace rage::app
