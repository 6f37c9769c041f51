// What `rage bbr` and `rage epp` have in common: an ext_proc server, health, metrics, a drain.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "extproc/server.h"
#include "kube/client.h"
#include "obs/metrics.h"
#include "shutdown.h"

namespace rage::app {

// Named as in the reference implementation, so that its charts work.
struct ExtProcFlags {
  std::string address = "127.0.0.1";
  int grpc_port = 0;
  int health_port = 0;
  int metrics_port = 9090;
  bool secure_serving = true;
  std::string cert_path;
  bool reload_certificate = false;
  std::string tls_version_min;
  std::string receive_max = "4Mi";
  std::string send_max;
  std::string body_max = "64Mi";
  std::string body_timeout = "60s";
  std::string drain_timeout = "30s";
  std::string lame_duck = "0s";
  bool stream_metrics = false;
  bool metrics_auth = false;
  const CLI::Option* metrics_auth_option = nullptr;  // Given or not: the default depends.
  bool ignored = true;                               // What is the reference's alone.
  int verbosity = 1;
  std::string log_format = "json";

  void add_to(CLI::App& command, int default_grpc_port, int default_health_port);
};

// "64Mi", "10M", "4096". kInvalidArgument on anything else.
Result<std::size_t> parse_byte_size(std::string_view text);
// "30s", "1m30s", "50ms", as Go writes it. Likewise.
Result<std::chrono::milliseconds> parse_flag_duration(std::string_view text);

struct ExtProcParts {
  std::string name;            // "bbr"
  std::string metrics_prefix;  // "bbr"
  extproc::ServerParts server;
  std::function<void()> begin_drain = [] {};
  std::function<std::string()> debug_state = {};  // JSON for /debug/plugins/state; none: 404.
  kube::KubeClient* api = nullptr;  // Given: readers of metrics are checked, unless told not to.
};

// Serves until a signal asks for the end, then drains.
Result<void> run_extproc(const ExtProcFlags& flags, ExtProcParts parts,
                         obs::MetricRegistry& registry, Clock& clock,
                         const ShutdownSignal& shutdown);

void set_up_log(const ExtProcFlags& flags);

}  // namespace rage::app
