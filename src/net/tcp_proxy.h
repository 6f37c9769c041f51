// Passes TCP connections on: each listener to one of its targets, in turn.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace rage::net {

struct TcpTarget {
  std::string address;  // Literal IPv4 or IPv6.
  std::uint16_t port = 0;

  bool operator==(const TcpTarget&) const = default;
};

struct TcpProxyOptions {
  std::size_t connections_max = 4096;  // Of all listeners; past that, accepted and closed at once.
  std::chrono::milliseconds connect_timeout{3'000};  // Of one try.
  std::size_t tries_max = 3;  // Targets asked before a connection is given up.
};

using TcpListenerId = std::uint64_t;
struct TcpListening {
  TcpListenerId id = 0;
  std::uint16_t port = 0;
};

// Resource. Thread-safe. Owns one thread. Holds 32 KiB a connection. An end of one side's sending
// is passed on as that, so that half-closed connections work; a failure of one side ends both.
class TcpProxy {
 public:
  static Result<std::unique_ptr<TcpProxy>> create(const TcpProxyOptions& options = {});
  virtual ~TcpProxy() = default;  // Closes everything.

  // Port 0: any free one. Without targets, connections are closed at once.
  // kFailedPrecondition: taken; kPermissionDenied; kInvalidArgument: no literal address.
  virtual Result<TcpListening> listen(const std::string& address, std::uint16_t port) = 0;
  // From the next connection on; those that are open stay where they are.
  virtual void set_targets(TcpListenerId id, std::vector<TcpTarget> targets) = 0;
  // Those that are open stay. The port is free once it returns.
  virtual void close(TcpListenerId id) = 0;
  virtual std::size_t connections() const = 0;
};

}  // namespace rage::net
