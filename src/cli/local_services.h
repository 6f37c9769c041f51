// The services of one data directory on this machine, as background processes: what `rage up`,
// `rage status` and `rage down` work on.
//
// `<data>/run/services.json` says what was started; a process counts as ours only if its start time
// still matches, so a recycled process id is never signalled.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "net/http_client.h"

namespace rage::cli {

struct ServiceSpec {
  std::string name;               // "rag"
  std::uint16_t port = 0;         // On 127.0.0.1.
  std::string health_path;        // 200 there means ready.
  std::vector<std::string> argv;  // The program by its path.
};

struct ServiceState {
  std::string name;
  std::string url;
  std::string health_path;
  int pid = 0;
  std::uint64_t started_ticks = 0;  // Field 22 of /proc/PID/stat.
};

struct ServiceStatus {
  ServiceState state;
  bool running = false;
  bool ready = false;
};

// Value. The clock outlives it. start() and stop() hold a lock of the data directory, so that two
// commands never change it at once.
class LocalServices final {
 public:
  LocalServices(Clock& clock, std::filesystem::path data_directory)
      : clock_(clock), data_(std::move(data_directory)) {}

  // What was started and still runs; an empty list if nothing did.
  Result<std::vector<ServiceState>> load() const;
  Result<std::vector<ServiceStatus>> status(net::HttpTransport& transport) const;

  // Starts each in a session of its own, output appended to <data>/logs/NAME.log, and records it at
  // once. kFailedPrecondition with the port and what to do if a port is taken. Stops what it
  // started on failure.
  Result<void> start(const std::vector<ServiceSpec>& specs) const;

  // Until all are ready. kUnavailable with the end of its log if one ends, kDeadlineExceeded.
  Result<void> wait_ready(const Context& context, net::HttpTransport& transport,
                          std::chrono::milliseconds limit) const;

  // SIGTERM, then SIGKILL after `grace`. The number of services that ran.
  Result<int> stop(std::chrono::milliseconds grace) const;

  std::filesystem::path log_path(const std::string& name) const {
    return data_ / "logs" / (name + ".log");
  }
  const std::filesystem::path& data_directory() const { return data_; }

 private:
  std::filesystem::path state_path() const { return data_ / "run" / "services.json"; }
  Result<int> stop_locked(std::chrono::milliseconds grace) const;
  Result<void> save(const std::vector<ServiceState>& services) const;

  Clock& clock_;
  const std::filesystem::path data_;
};

// {"services":[{"name","url","ready","pid"},...]}
codec::Json render_status(const std::vector<ServiceStatus>& services);

// Whether a listener could be opened there now.
Result<void> check_port_free(std::uint16_t port);

}  // namespace rage::cli
