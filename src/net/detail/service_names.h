// Names of Services on a machine without a cluster's DNS: a file says where they are. What writes
// it, and its format: docs/formats/local-node.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/mutex.h"

namespace rage::net::detail {

using ServiceTable = std::map<std::pair<std::string, std::uint16_t>, std::string>;

// (name.namespace, port) to "address:port". kInvalidArgument if it is no such file.
Result<ServiceTable> parse_services(std::string_view text);

// "name", "name.ns", "name.ns.svc", "name.ns.svc.cluster.local" as "name.ns"; empty: no such name.
std::string service_key(std::string_view host, std::string_view own_namespace);

// Resource. Thread-safe. Reads the file again when it has changed.
class ServiceNames final {
 public:
  ServiceNames(std::filesystem::path file, std::string own_namespace)
      : file_(std::move(file)), own_namespace_(std::move(own_namespace)) {}

  // "address:port" to connect to; none: not a Service's name, or no such file.
  std::optional<std::string> find(std::string_view host, std::uint16_t port) const;

 private:
  struct State {
    std::filesystem::file_time_type written_at;
    std::uintmax_t bytes = 0;
    ServiceTable services;
  };
  const std::filesystem::path file_;
  const std::string own_namespace_;
  mutable Guarded<State> state_;
};

}  // namespace rage::net::detail
