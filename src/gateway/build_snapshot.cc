#include "gateway/build_snapshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/strings.h"
#include "routing/inference_pool.h"

namespace rage::gateway {
namespace {

constexpr std::uint16_t kLowPortsEnd = 1024;

using gatewayapi::ObjectName;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (const char c : text) {
    const bool separator = is_ascii_space(c) || c == ',';
    if (words.empty() || (separator && !words.back().empty())) words.emplace_back();
    if (!separator) words.back() += c;
  }
  if (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

// Null if absent.
const std::string* find_annotation(const gatewayapi::Meta& meta, std::string_view name) {
  const auto found = meta.annotations.find(name);
  return found == meta.annotations.end() ? nullptr : &found->second;
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

void read_keys(const gatewayapi::Meta& meta, RoutePolicy& policy,
               std::vector<std::string>& problems) {
  const std::string* const text = find_annotation(meta, kApiKeysAnnotation);
  if (text == nullptr) return;
  // Whatever is wrong with it, the route was not meant to be open to everybody.
  policy.api_keys.insert("");
  for (const std::string& word : words_of(*text)) {
    if (is_digest(word)) {
      policy.api_keys.insert(to_lower_ascii(word));
    } else {
      problems.push_back(fmt::format("HTTPRoute {}/{}: {} holds something that is no SHA-256",
                                     meta.name.name_space, meta.name.name, kApiKeysAnnotation));
    }
  }
}

void read_rate(const gatewayapi::Meta& meta, const Snapshot* previous, RoutePolicy& policy,
               std::vector<std::string>& problems) {
  const std::string* const text = find_annotation(meta, kRateAnnotation);
  if (text == nullptr) return;
  const std::string* const burst_text = find_annotation(meta, kBurstAnnotation);
  const auto rate = parse_double(*text);
  const auto burst = burst_text == nullptr ? rate : parse_double(*burst_text);
  if (!rate || *rate <= 0 || !burst || *burst < 1) {
    problems.push_back(fmt::format("HTTPRoute {}/{}: {} and {} must be positive numbers",
                                   meta.name.name_space, meta.name.name, kRateAnnotation,
                                   kBurstAnnotation));
    return;
  }
  const RateLimitOptions options{.per_minute = *rate, .burst = *burst};
  if (previous != nullptr) {
    const auto before = previous->policies.find(meta.name);
    const bool same = before != previous->policies.end() && before->second.limit &&
                      before->second.limit->options() == options;
    if (same) policy.limit = before->second.limit;
  }
  if (!policy.limit) policy.limit = std::make_shared<RateLimit>(options);
}

void add_policies(const gatewayapi::World& world, const Snapshot* previous, BuiltSnapshot& built) {
  for (const auto* routes : {&world.http_routes, &world.grpc_routes}) {
    for (const auto& [name, route] : *routes) {
      RoutePolicy policy;
      read_keys(route.meta, policy, built.problems);
      read_rate(route.meta, previous, policy, built.problems);
      if (policy.api_keys.empty() && !policy.limit) continue;
      built.snapshot.policies.emplace(name, std::move(policy));
    }
  }
}

void add_service(const gatewayapi::World& world, const gatewayapi::BackendRef& reference,
                 Snapshot& snapshot) {
  if (reference.target.kind != "Service" || !reference.port) return;
  const ServiceKey key{.object = reference.target.object, .port = *reference.port};
  const auto [place, fresh] = snapshot.services.try_emplace(key);
  if (!fresh) return;
  for (const std::string& text : gatewayapi::ready_endpoints(world, key.object, key.port)) {
    if (const auto address = net::Address::parse(text)) place->second.endpoints.push_back(*address);
  }
}

void add_services(const gatewayapi::World& world, Snapshot& snapshot) {
  const auto add_mirrors = [&](const std::vector<gatewayapi::RouteFilter>& filters) {
    for (const gatewayapi::RouteFilter& filter : filters) {
      if (const auto* mirror = std::get_if<gatewayapi::MirrorSpec>(&filter.what)) {
        add_service(world, mirror->backend, snapshot);
      }
    }
  };
  for (const auto* routes : {&world.http_routes, &world.grpc_routes}) {
    for (const auto& [name, route] : *routes) {
      for (const gatewayapi::RouteRule& rule : route.rules) {
        add_mirrors(rule.filters);
        for (const gatewayapi::BackendRef& backend : rule.backends) {
          add_service(world, backend, snapshot);
          add_mirrors(backend.filters);
        }
      }
    }
  }
}

void add_pools(const gatewayapi::World& world, const gatewayapi::Compiled& compiled,
               PickerProvider& pickers, Snapshot& snapshot) {
  for (const auto& [name, pool] : compiled.pools) {
    const auto endpoints = endpoints_of_pool(world, name);
    PoolBackend backend{.fail_open = pool.fail_open, .h2c = pool.h2c};
    for (const routing::Endpoint& endpoint : endpoints) {
      const auto address = net::Address::of(endpoint.address, endpoint.port);
      if (address) backend.endpoints.push_back(*address);
    }
    if (!pool.problem) backend.picker = pickers.picker_of(world, name, pool, endpoints);
    snapshot.pools.emplace(name, std::move(backend));
  }
}

// Pools that the routes of one Gateway lead to.
std::vector<ObjectName> pools_of(const gatewayapi::Compiled& compiled, const ObjectName& gateway) {
  std::set<ObjectName> pools;
  for (const gatewayapi::RouteState& route : compiled.route_states) {
    const bool ours = std::ranges::any_of(route.parents, [&](const auto& parent) {
      return parent.parent.object == gateway && !parent.not_accepted;
    });
    if (ours) pools.insert(route.pools.begin(), route.pools.end());
  }
  return {pools.begin(), pools.end()};
}

ListenerConfig& listener_at(Snapshot& snapshot, const std::string& address, std::uint16_t port) {
  for (ListenerConfig& listener : snapshot.listeners) {
    if (listener.address == address && listener.port == port) return listener;
  }
  return snapshot.listeners.emplace_back(ListenerConfig{.address = address, .port = port});
}

void add_listeners(const gatewayapi::World& world, const gatewayapi::Compiled& compiled,
                   const BuildOptions& options, Snapshot& snapshot) {
  for (const gatewayapi::CompiledGateway& gateway : compiled.gateways) {
    const std::vector<ObjectName> pools = pools_of(compiled, gateway.name);
    std::vector<std::string> addresses = gateway.requested_addresses;
    if (addresses.empty()) addresses = {options.address};
    for (const std::string& address : addresses) {
      for (const gatewayapi::CompiledListener& compiled_listener : gateway.listeners) {
        const std::uint16_t asked = compiled_listener.port;
        const std::uint16_t port = asked < kLowPortsEnd ? asked + options.low_port_offset : asked;
        ListenerConfig& listener = listener_at(snapshot, address, port);
        listener.hosts.push_back({.hostname = compiled_listener.hostname,
                                  .routes = compiled_listener.routes,
                                  .pools = pools});
        if (compiled_listener.protocol != gatewayapi::ListenerProtocol::kHttps) continue;
        const auto secret = world.secrets.find(compiled_listener.certificates.front());
        if (secret == world.secrets.end()) continue;
        listener.certificates[compiled_listener.hostname] = {
            .chain_pem = secret->second.certificate_pem, .key_pem = secret->second.key_pem};
      }
    }
  }
}

}  // namespace

std::vector<routing::Endpoint> endpoints_of_pool(const gatewayapi::World& world,
                                                 const ObjectName& pool) {
  const auto found = world.pools.find(pool);
  if (found == world.pools.end()) return {};
  std::vector<routing::Endpoint> endpoints;
  if (const std::string* text = find_annotation(found->second.meta, kEndpointsAnnotation)) {
    for (const std::string& word : words_of(*text)) {
      const auto address = net::Address::parse(word);
      if (!address) continue;
      endpoints.push_back({.name_space = pool.name_space,
                           .pod = fmt::format("{}-{}", pool.name, endpoints.size()),
                           .address = address->ip_text(),
                           .port = address->port});
    }
    return endpoints;
  }
  const auto parsed = routing::parse_inference_pool(found->second.document);
  if (!parsed) return {};
  const auto first = world.pods.lower_bound({pool.name_space, ""});
  for (auto pod = first; pod != world.pods.end(); ++pod) {
    if (pod->first.name_space != pool.name_space) break;
    std::ranges::move(routing::endpoints_of_pod(*parsed, pod->second),
                      std::back_inserter(endpoints));
  }
  return endpoints;
}

BuiltSnapshot build_snapshot(const gatewayapi::World& world, const gatewayapi::Compiled& compiled,
                             PickerProvider& pickers, const BuildOptions& options,
                             const Snapshot* previous) {
  BuiltSnapshot built;
  add_services(world, built.snapshot);
  add_pools(world, compiled, pickers, built.snapshot);
  add_policies(world, previous, built);
  add_listeners(world, compiled, options, built.snapshot);
  return built;
}

}  // namespace rage::gateway
