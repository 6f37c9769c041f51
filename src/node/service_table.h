// Where Services are on this machine: which ports to listen on and whom to pass connections to.
// Pure. Source: core/v1 Service, discovery.k8s.io/v1 EndpointSlice.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "net/tcp_proxy.h"

namespace rage::node {

using codec::Json;

struct ServicePortKey {
  std::string ns;
  std::string name;
  std::uint16_t port = 0;

  auto operator<=>(const ServicePortKey&) const = default;
};

// Value. One TCP port of a Service.
struct ServicePort {
  std::string cluster_ip;                    // Empty: headless; its first endpoint stands for it.
  std::vector<net::TcpTarget> targets = {};  // Ready ones, sorted.

  bool operator==(const ServicePort&) const = default;
};
using ServiceTable = std::map<ServicePortKey, ServicePort>;

// Services of type ExternalName and ports that are not TCP are left out.
ServiceTable plan_services(const std::vector<Json>& services, const std::vector<Json>& slices);

// Takes out targets at these addresses where others are left: pods that were deleted, of which the
// slices do not tell yet.
void leave_out(const std::set<std::string>& addresses, ServiceTable& table);

// Value. The first port of a Service at a port of 127.0.0.1 that people remember.
struct PublishRule {
  std::uint16_t port = 0;
  // Which Service: one by its name, or the oldest one that an object of a kind controls.
  std::string ns = {};
  std::string name = {};
  std::string owner_kind = {};  // "RAGEngine"

  bool operator==(const PublishRule&) const = default;
};
// "8300=default/rag" or "8300=RAGEngine"; kInvalidArgument.
Result<PublishRule> parse_publish_rule(std::string_view text);

// Of several rules for one port the first counts whose Service is there. Headless Services are not.
std::map<std::uint16_t, ServicePortKey> plan_published(const std::vector<PublishRule>& rules,
                                                       const std::vector<Json>& services);

// Value. A line of the file that processes read.
struct ServiceAddress {
  ServicePortKey key;
  std::string address;
  std::uint16_t local_port = 0;
  std::uint16_t published_port = 0;  // Of 127.0.0.1; 0: none.

  bool operator==(const ServiceAddress&) const = default;
};
// {"services": [{"name","namespace","port","address","local_port","published_port"?}]}
std::string render_services(const std::vector<ServiceAddress>& services);
// Lenient: what is no such line is left out.
std::vector<ServiceAddress> parse_services(const std::string& text);

// curl's configuration for programs of one namespace: the same, as --connect-to.
std::string render_curl_config(const std::vector<ServiceAddress>& services, const std::string& ns);

}  // namespace rage::node
