// What every service of ours that listens is told: where, how many at once, how to log.
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <string>

#include "listen.h"
#include "net/http_server.h"
#include "obs/log.h"

namespace rage::app {

struct ServiceOptions {
  std::string address = "127.0.0.1";
  int port = 0;
  std::size_t workers = 256;
  int workers_max = 1024;
  std::string log_format = "json";

  void add_to(CLI::App& command) {
    command.add_option("--address", address, "Address to listen on; 0.0.0.0 in a pod")
        ->capture_default_str();
    command.add_option("--port", port, "Port; 0: any free one, printed when ready")
        ->check(CLI::Range(0, 65535))
        ->capture_default_str();
    command.add_option("--workers", workers, "Requests served at the same time")
        ->check(CLI::Range(1, workers_max))
        ->capture_default_str();
    command.add_option("--log-format", log_format, "json or text")
        ->check(CLI::IsMember({"json", "text"}))
        ->capture_default_str();
  }
  void set_log_format() const {
    obs::log().set_format(log_format == "text" ? obs::LogFormat::kText : obs::LogFormat::kJson);
  }
  net::HttpServerOptions listener(std::size_t body_bytes_max) const {
    return {.address = pod_address(address),
            .port = static_cast<std::uint16_t>(port),
            .body_bytes_max = body_bytes_max,
            .workers = workers};
  }
};

}  // namespace rage::app
