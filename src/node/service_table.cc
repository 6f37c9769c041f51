#include "node/service_table.h"

#include <algorithm>

#include "apis/meta.h"
#include "base/strings.h"
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
  Json line = {{"name", service.key.name},
               {"namespace", service.key.ns},
               {"port", service.key.port},
               {"address", service.address},
               {"local_port", service.local_port}};
  if (service.published_port != 0) line["published_port"] = service.published_port;
  return line;
}

bool is_controlled_by(const Json& service, const std::string& kind) {
  const Json* owners = find_path(service, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return false;
  return std::ranges::any_of(*owners, [&](const Json& owner) {
    const Json* controls = find_key(owner, "controller");
    return controls != nullptr && *controls == true && string_or(owner, "kind", "") == kind;
  });
}

// The Service a rule means; null: it is not there.
const Json* find_published(const PublishRule& rule, const std::vector<Json>& services) {
  const Json* found = nullptr;
  const auto age = [](const Json& service) {
    const Json* created = find_path(service, {"metadata", "creationTimestamp"});
    const bool known = created != nullptr && created->is_string();
    return std::pair(known ? created->get<std::string>() : "", apis::parse_meta(service).name);
  };
  for (const Json& service : services) {
    const apis::ObjectMeta meta = apis::parse_meta(service);
    const Json* address = find_path(service, {"spec", "clusterIP"});
    if (address == nullptr || *address == "None" || *address == "") continue;
    const bool meant = rule.owner_kind.empty() ? meta.ns == rule.ns && meta.name == rule.name
                                               : is_controlled_by(service, rule.owner_kind);
    if (meant && (found == nullptr || age(service) < age(*found))) found = &service;
  }
  return found;
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

Result<PublishRule> parse_publish_rule(std::string_view text) {
  const std::size_t equals = text.find('=');
  const auto port = parse_uint(text.substr(0, equals));
  const std::string_view target =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const std::size_t slash = target.find('/');
  const bool named = slash != std::string_view::npos;
  if (!port || *port == 0 || *port > 65535 || target.empty() ||
      (named && (slash == 0 || slash + 1 == target.size()))) {
    return fail(ErrorCode::kInvalidArgument,
                "\"{}\" does not say what to publish, as 8300=default/rag or 8300=RAGEngine do",
                text);
  }
  PublishRule rule{.port = static_cast<std::uint16_t>(*port)};
  if (named) {
    rule.ns = target.substr(0, slash);
    rule.name = target.substr(slash + 1);
  } else {
    rule.owner_kind = target;
  }
  return rule;
}

std::map<std::uint16_t, ServicePortKey> plan_published(const std::vector<PublishRule>& rules,
                                                       const std::vector<Json>& services) {
  std::map<std::uint16_t, ServicePortKey> published;
  for (const PublishRule& rule : rules) {
    if (published.contains(rule.port)) continue;
    const Json* service = find_published(rule, services);
    const Json* ports = service == nullptr ? nullptr : find_path(*service, {"spec", "ports"});
    if (ports == nullptr || !ports->is_array() || ports->empty()) continue;
    const apis::ObjectMeta meta = apis::parse_meta(*service);
    published[rule.port] = {
        .ns = meta.ns, .name = meta.name, .port = port_number(ports->front(), "port")};
  }
  return published;
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
                           .local_port = port_number(line, "local_port"),
                           .published_port = port_number(line, "published_port")};
    if (!service.key.name.empty() && service.key.port != 0) services.push_back(std::move(service));
  }
  return services;
}

std::string render_curl_config(const std::vector<ServiceAddress>& services, const std::string& ns) {
  std::string text;
  for (const auto& [key, address, local_port, published_port] : services) {
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
