// kube-proxy's part: a listener for each port of each Service, and the file that says where they
// are.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/error.h"
#include "net/tcp_proxy.h"
#include "node/service_table.h"
#include "node/volumes.h"

namespace rage::node {

// Resource. One thread at a time. Owns the proxy's thread.
class ServiceProxy final {
 public:
  static Result<std::unique_ptr<ServiceProxy>> create(NodePaths paths);

  // Makes it so: idempotent. A port that cannot be listened on (under 1024 without the right to, or
  // taken) is served on another one of the same address, which stays the same from then on. Fails
  // when the files cannot be written; a listener that cannot be opened is logged and tried again at
  // the next call.
  // `published`: ports of 127.0.0.1 where such Services are listened for as well.
  Result<void> apply(const ServiceTable& wanted,
                     const std::map<std::uint16_t, ServicePortKey>& published = {});

 private:
  struct Open {
    net::TcpListening listening;
    ServicePort port;
  };
  ServiceProxy(NodePaths paths, std::unique_ptr<net::TcpProxy> proxy)
      : paths_(std::move(paths)), proxy_(std::move(proxy)) {}
  void close_others(const ServiceTable& wanted);
  void open(const ServicePortKey& key, const ServicePort& port);
  void publish(const ServiceTable& wanted,
               const std::map<std::uint16_t, ServicePortKey>& published);
  Result<void> write_files(const ServiceTable& wanted);
  std::filesystem::path remembered_file() const {
    return paths_.data / "run" / "service-ports.json";
  }

  const NodePaths paths_;
  const std::unique_ptr<net::TcpProxy> proxy_;
  std::map<ServicePortKey, Open> open_;
  struct Published {
    net::TcpListenerId id = 0;
    ServicePortKey key;
    std::vector<net::TcpTarget> targets = {};
  };
  std::map<std::uint16_t, Published> published_;
  std::map<ServicePortKey, std::uint16_t> remembered_;  // Ports that stand in for others.
  std::vector<ServiceAddress> written_;
  bool wrote_once_ = false;
};

}  // namespace rage::node
