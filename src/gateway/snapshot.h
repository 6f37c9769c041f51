// The gateway's configuration: immutable, swapped as a whole, kept by each request until its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gateway/rate_limit.h"
#include "gatewayapi/route_table.h"
#include "net/address.h"
#include "net/http_server.h"
#include "picker/endpoint_picker.h"

namespace rage::gateway {

struct ServiceKey {
  gatewayapi::ObjectName object;
  std::uint16_t port = 0;
  auto operator<=>(const ServiceKey&) const = default;
};

struct ServiceBackend {
  std::vector<net::Address> endpoints;  // Ready ones.
};

struct PoolBackend {
  std::shared_ptr<picker::EndpointPicker> picker;  // Null: there is none to ask.
  bool fail_open = false;                          // endpointPickerRef.failureMode
  bool h2c = false;
  std::vector<net::Address> endpoints;  // Ready ones: for failing open, and to pick again among.
};

// What an HTTPRoute's annotations demand of its clients. Shared by snapshots, so that a reload does
// not fill the buckets again.
struct RoutePolicy {
  // SHA-256 of each key, in hex. Empty: everybody may come.
  std::set<std::string, std::less<>> api_keys;
  std::shared_ptr<RateLimit> limit;  // Null: none.
};

// One hostname of a port, with its routes.
struct VirtualHost {
  std::string hostname;  // "a.example", "*.example"; empty: any.
  std::shared_ptr<const gatewayapi::RouteTable> routes;
  // InferencePools that its routes lead to: then bodies are looked at before a route is chosen.
  std::vector<gatewayapi::ObjectName> pools;
};

struct ListenerConfig {
  std::string address = "0.0.0.0";
  std::uint16_t port = 0;
  std::vector<VirtualHost> hosts;
  // Of an HTTPS listener: by the hostname it is for; "" is everybody else's. Empty: plain HTTP.
  std::map<std::string, net::ServerCertificate, std::less<>> certificates;
};

struct Snapshot {
  std::vector<ListenerConfig> listeners;
  std::map<ServiceKey, ServiceBackend> services;
  std::map<gatewayapi::ObjectName, PoolBackend> pools;
  std::map<gatewayapi::ObjectName, RoutePolicy> policies;  // By HTTPRoute.
};

// The host whose name fits best: the exact one, then the longest wildcard, then any. Null: none.
// `host` in lower case, without port.
const VirtualHost* find_virtual_host(const ListenerConfig& listener, std::string_view host);

}  // namespace rage::gateway
