// Where a service listens, as flags say it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::app {

struct Listen {
  std::string address;
  std::uint16_t port = 0;
};

// "127.0.0.1:8080", ":8080" (every address), "8080" (loopback); none for "0" (off).
Result<std::optional<Listen>> parse_listen(std::string_view text);

// The address to listen on. Pods of a local node share one machine: there "every address" (0.0.0.0,
// ::) is the pod's own, RAGE_POD_IP, so that two of them can use one port.
std::string pod_address(std::string address);

}  // namespace rage::app
