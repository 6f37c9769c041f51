#include "node/service_table.h"

#include <algorithm>

#include "apis/meta.h"
#include "node/pod_environment.h"

namespace rage::node {
namespace {

using codec::find_key;
using codec::number_or;
using codec::string_or;

constexpr const char* kServiceName = "kubernetes.io/service-name";

std::uint16_t port_number(const Json& json, std::string_view key) {
  const double number = number_or(json, key, 0);
  return number >= 1 && number <= 65535 ? static_cast<std::uint16_t>(number) : 0;
}

bool is_ready(const Json& endpoint) {
  const Json* ready = find_path(endpoint, {"conditions", "ready"});
  return ready == nullptr || ready->is_null() || *ready == true;
}

// The ready endpoints of a Service's port, by the port's name.
void add_targets(const Json& slice, const std::string& port_name,
                 std::vector<net::TcpTarget>& targets) {
  for (const Json& port : items_of(slice, "ports")) {
    if (string_or(port, "name", "") != port_name) continue;
    const std::uint16_t number = port_number(port, "port");
    if (number == 0) continue;
    for (const Json& endpoint : items_of(slice, "endpoints")) {
      if (!is_ready(endpoint)) continue;
      for (const Json& address : items_of(endpoint, "addresses")) {
        if (address.is_string()) targets.push_back({address.get<std::string>(), number});
      }
    }
  }
}

Json render_line(const ServiceAddress& service) {
  return {{"name", service.key.name},
          {"namespace", service.key.ns},
          {"port", service.key.port},
          {"address", service.address},
          {"local_port", service.local_port}};
}

}  // namespace

ServiceTable plan_services(const std::vector<Json>& services, const std::vector<Json>& slices) {
  std::multimap<std::pair<std::string, std::string>, const Json*> by_service;
  for (const Json& slice : slices) {
    const apis::ObjectMeta meta = apis::parse_meta(slice);
    by_service.emplace(std::pair(meta.ns, meta.label(kServiceName)), &slice);
  }
  ServiceTable table;
  for (const Json& service : services) {
    const apis::ObjectMeta meta = apis::parse_meta(service);
    const Json* spec = find_key(service, "spec");
    if (spec == nullptr || string_or(*spec, "type", "") == "ExternalName") continue;
    const std::string address = string_or(*spec, "clusterIP", "");
    const bool headless = address == "None";
    if (address.empty()) continue;  // None given yet.
    for (const Json& port : items_of(*spec, "ports")) {
      const std::uint16_t number = port_number(port, "port");
      if (number == 0 || string_or(port, "protocol", "TCP") != "TCP") continue;
      ServicePort wanted{.cluster_ip = headless ? "" : address};
      const auto [first, last] = by_service.equal_range({meta.ns, meta.name});
      for (auto slice = first; slice != last; ++slice) {
        add_targets(*slice->second, string_or(port, "name", ""), wanted.targets);
      }
      const auto order = [](const net::TcpTarget& target) {
        return std::pair(target.address, target.port);
      };
      std::ranges::sort(wanted.targets, {}, order);
      const auto twice = std::ranges::unique(wanted.targets);
      wanted.targets.erase(twice.begin(), twice.end());
      table[{.ns = meta.ns, .name = meta.name, .port = number}] = std::move(wanted);
    }
  }
  return table;
}

void leave_out(const std::set<std::string>& addresses, ServiceTable& table) {
  if (addresses.empty()) return;
  const auto leaves = [&](const net::TcpTarget& target) {
    return addresses.contains(target.address);
  };
  for (auto& [key, port] : table) {
    if (!std::ranges::all_of(port.targets, leaves)) std::erase_if(port.targets, leaves);
  }
}

std::string render_services(const std::vector<ServiceAddress>& services) {
  Json lines = Json::array();
  for (const ServiceAddress& service : services) lines.push_back(render_line(service));
  return codec::render_json_pretty({{"services", std::move(lines)}}) + "\n";
}

std::vector<ServiceAddress> parse_services(const std::string& text) {
  std::vector<ServiceAddress> services;
  const auto document = codec::parse_json(text);
  if (!document) return services;
  for (const Json& line : items_of(*document, "services")) {
    ServiceAddress service{.key = {.ns = string_or(line, "namespace", ""),
                                   .name = string_or(line, "name", ""),
                                   .port = port_number(line, "port")},
                           .address = string_or(line, "address", ""),
                           .local_port = port_number(line, "local_port")};
    if (!service.key.name.empty() && service.key.port != 0) services.push_back(std::move(service));
  }
  return services;
}

std::string render_curl_config(const std::vector<ServiceAddress>& services, const std::string& ns) {
  std::string text;
  for (const auto& [key, address, local_port] : services) {
    const std::string full = key.name + "." + key.ns;
    std::vector<std::string> names = {full, full + ".svc", full + ".svc.cluster.local"};
    if (key.ns == ns) names.push_back(key.name);
    for (const std::string& name : names) {
      text += fmt::format("connect-to = \"{}:{}:{}:{}\"\n", name, key.port, address, local_port);
    }
  }
  return text;
}

}  // namespace rage::node
