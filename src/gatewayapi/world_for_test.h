// Worlds in YAML, requests in one line, answers as the name of a rule.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "codec/yaml.h"
#include "gatewayapi/compile.h"
#include "gatewayapi/file_config.h"
#include "gatewayapi/status.h"

namespace rage::gatewayapi {

inline FileConfig config_of(std::string_view yaml) {
  FileConfig config;
  add_documents(config, yaml, "test");
  return config;
}

// What reads without a problem.
inline World world_of(std::string_view yaml) {
  FileConfig config = config_of(yaml);
  for (const FileProblem& problem : config.problems) {
    ADD_FAILURE() << problem.where << ": " << problem.message;
  }
  return std::move(config.world);
}

inline codec::Json yaml_of(std::string_view text) {
  auto parsed = codec::parse_yaml(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *std::move(parsed) : codec::Json();
}

// An HTTPRoute out of its short form: {name, namespace, created, generation, parents, hostnames,
// rules, status}; by default it lies in "default" and is attached to the Gateway "gw" there.
inline codec::Json route_document(const codec::Json& form, std::string_view kind = "HTTPRoute") {
  codec::Json document = {{"apiVersion", "gateway.networking.k8s.io/v1"}, {"kind", kind}};
  codec::Json& metadata = document["metadata"];
  metadata["name"] = codec::string_or(form, "name", "route");
  metadata["namespace"] = codec::string_or(form, "namespace", "default");
  metadata["generation"] = form.value("generation", 1);
  if (form.contains("created")) metadata["creationTimestamp"] = form["created"];
  codec::Json& spec = document["spec"];
  spec["parentRefs"] = form.contains("parents")
                           ? form["parents"]
                           : codec::Json::array({{{"name", "gw"}, {"namespace", "default"}}});
  for (const char* key : {"hostnames", "rules"}) {
    if (form.contains(key)) spec[key] = form[key];
  }
  if (form.contains("status")) document["status"] = form["status"];
  return document;
}

inline void put_routes(World& world, std::string_view yaml_list,
                       std::string_view kind = "HTTPRoute") {
  for (const codec::Json& form : yaml_of(yaml_list)) {
    EXPECT_TRUE(put_object(world, route_document(form, kind)).has_value());
  }
}

// One Gateway "gw" of ours with one listener, for all namespaces.
inline constexpr std::string_view kGatewayYaml = R"(
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: rage, generation: 1}
spec: {controllerName: rage.dev/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, generation: 7}
spec:
  gatewayClassName: rage
  listeners:
  - {name: web, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
)";

inline World world_of_routes(std::string_view yaml_list) {
  World world = world_of(kGatewayYaml);
  put_routes(world, yaml_list);
  return world;
}

// "GET shop.example.com /cart?id=1 x-user:anna": method, host, path with query, headers.
struct TestRequest {
  explicit TestRequest(std::string_view line) : text(line) {
    const auto parts = split(text, ' ');
    const std::string_view target = parts.at(2);
    const std::size_t question = std::min(target.find('?'), target.size());
    head.method = parts.at(0);
    head.host = parts.at(1) == "-" ? std::string_view() : parts.at(1);
    head.path = target.substr(0, question);
    head.query = target.substr(std::min(question + 1, target.size()));
    for (std::size_t i = 3; i < parts.size(); ++i) {
      const std::size_t colon = parts[i].find(':');
      headers.emplace(parts[i].substr(0, colon), parts[i].substr(colon + 1));
    }
    head.header = [this](std::string_view name) -> std::optional<std::string_view> {
      const auto at = headers.find(name);
      if (at == headers.end()) return std::nullopt;
      return at->second;
    };
  }
  TestRequest(const TestRequest&) = delete;
  TestRequest& operator=(const TestRequest&) = delete;

  std::string text;
  std::map<std::string, std::string, std::less<>> headers;
  RequestHead head;
};

inline std::optional<Match> find_match(const CompiledGateway& gateway, const TestRequest& request,
                                       std::uint16_t port = 80) {
  const CompiledListener* listener = find_listener(gateway, port, request.head.host);
  if (listener == nullptr) return std::nullopt;
  return listener->routes->match(request.head);
}

// The name of the rule that answers, or "404".
inline std::string answer(const CompiledGateway& gateway, std::string_view request,
                          std::uint16_t port = 80) {
  const TestRequest parsed(request);
  const std::optional<Match> match = find_match(gateway, parsed, port);
  return match ? match->rule->name : "404";
}

inline const Json* find_condition_for_test(const Json& conditions, std::string_view type) {
  for (const Json& condition : conditions) {
    if (codec::string_or(condition, "type", "") == type) return &condition;
  }
  return nullptr;
}

// "True/Accepted", or "absent".
inline std::string condition(const Json& holder, std::string_view type) {
  const Json* list = codec::find_key(holder, "conditions");
  const Json* found = list == nullptr ? nullptr : find_condition_for_test(*list, type);
  if (found == nullptr) return "absent";
  return codec::string_or(*found, "status", "") + "/" + codec::string_or(*found, "reason", "");
}

inline std::string condition_message(const Json& holder, std::string_view type) {
  const Json* list = codec::find_key(holder, "conditions");
  const Json* found = list == nullptr ? nullptr : find_condition_for_test(*list, type);
  return found == nullptr ? "" : codec::string_or(*found, "message", "");
}

inline StatusOptions status_options(std::string now = "2026-01-01T00:00:00Z") {
  StatusOptions options;
  options.now = std::move(now);
  options.facts[{.name_space = "default", .name = "gw"}] = {.addresses = {"127.0.0.1"}};
  return options;
}

// The status that is planned for an object; null if none is.
inline Json planned_status(const std::vector<StatusChange>& changes, std::string_view kind,
                           std::string_view name) {
  for (const StatusChange& change : changes) {
    if (change.kind == kind && change.object.name == name) return change.status;
  }
  return {};
}

}  // namespace rage::gatewayapi
