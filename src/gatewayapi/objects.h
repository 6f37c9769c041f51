// The objects a gateway is made of, as types. Each parse_ reads one document and never refuses it
// for what it says: what is wrong is kept beside the part that is wrong, because the API wants the
// rest of the object served and the reason in its status.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "gatewayapi/route_match.h"
#include "gatewayapi/route_table.h"

namespace rage::gatewayapi {

using codec::Json;
using Labels = std::map<std::string, std::string, std::less<>>;

inline constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";
inline constexpr std::string_view kInferenceGroup = "inference.networking.k8s.io";

// A value that cannot be served. `message` begins with the field's path and is for people.
struct Problem {
  std::string reason;  // Of a condition: "UnsupportedValue", "IncompatibleFilters".
  std::string message;
  bool operator==(const Problem&) const = default;
};
using Problems = std::vector<Problem>;
// At most a few, and how many more there are.
std::string render_problems(const Problems& problems);

struct Meta {
  ObjectName name;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  std::optional<std::int64_t> created_at;  // Unix seconds.
  Labels labels;
  Labels annotations;
};

struct GatewayClass {
  Meta meta;
  std::string controller;
  bool has_parameters = false;
  Json status;  // As it was read; null if absent. Likewise below.
};

struct ObjectReference {
  std::string group;
  std::string kind;
  ObjectName object;
  bool operator==(const ObjectReference&) const = default;
};

struct RouteKind {
  std::string group = std::string(kGatewayGroup);
  std::string kind;
  auto operator<=>(const RouteKind&) const = default;
};

struct LabelRequirement {
  std::string key;
  std::string op;  // In, NotIn, Exists, DoesNotExist.
  std::vector<std::string> values;
};

struct LabelSelector {
  Labels match_labels;
  std::vector<LabelRequirement> requirements;
  bool matches(const Labels& labels) const;
};

struct Listener {
  enum class From { kSame, kAll, kSelector, kNone };
  std::string name;
  std::uint16_t port = 0;
  std::string protocol;
  std::string hostname;                       // Empty: any.
  std::vector<ObjectReference> certificates;  // spec.tls.certificateRefs
  From from = From::kSame;
  LabelSelector selector;        // With kSelector.
  std::vector<RouteKind> kinds;  // Empty: those of the protocol.
  Problems problems;
};

struct GatewayAddress {
  std::string type = "IPAddress";
  std::string value;  // Empty: any address of that type.
};

struct Gateway {
  Meta meta;
  std::string class_name;
  std::vector<GatewayAddress> addresses;
  std::vector<Listener> listeners;
  bool has_parameters = false;
  Problems problems;
  Json status;
};

struct ParentRef {
  std::string group = std::string(kGatewayGroup);
  std::string kind = "Gateway";
  ObjectName object;         // The namespace is filled in.
  std::string section_name;  // Empty: all.
  std::optional<std::uint16_t> port;
  bool operator==(const ParentRef&) const = default;
};

// Not looked up yet.
struct BackendRef {
  ObjectReference target;
  std::optional<std::uint16_t> port;
  std::uint32_t weight = 1;
  std::vector<struct RouteFilter> filters;
  // Kept as text because it has to answer 500: a filter that nobody here knows.
  std::string unknown_filter;
};

struct MirrorSpec {
  BackendRef backend;
  std::uint32_t numerator = 1;
  std::uint32_t denominator = 1;
};

struct RouteFilter {
  std::variant<RequestHeaderEdits, ResponseHeaderEdits, Redirect, Rewrite, MirrorSpec> what;
};

struct RouteRule {
  std::string name;
  std::vector<RouteMatch> matches;
  std::vector<RouteFilter> filters;
  std::vector<BackendRef> backends;
  std::optional<std::chrono::milliseconds> request_timeout;
  std::optional<std::chrono::milliseconds> backend_timeout;
  std::optional<Retry> retry;
  std::string unknown_filter;  // An ExtensionRef: the rule answers 500.
  Problems problems;           // Any: the rule is dropped.
};

// HTTPRoute and GRPCRoute.
struct Route {
  enum class Kind { kHttp, kGrpc };
  Kind kind = Kind::kHttp;
  Meta meta;
  std::vector<ParentRef> parents;
  std::vector<std::string> hostnames;
  std::vector<RouteRule> rules;
  Problems problems;                 // Any: the route is not accepted.
  std::vector<std::string> notices;  // What is ignored.
  Json status;
  std::string_view kind_name() const { return kind == Kind::kHttp ? "HTTPRoute" : "GRPCRoute"; }
};

struct ReferenceGrant {
  struct From {
    std::string group;
    std::string kind;
    std::string name_space;
  };
  struct To {
    std::string group;
    std::string kind;
    std::string name;  // Empty: any.
  };
  Meta meta;
  std::vector<From> from;
  std::vector<To> to;
};

struct ServicePort {
  std::string name;
  std::uint16_t port = 0;
  std::variant<std::uint16_t, std::string> target;  // Of the pods; by number or by name.
  std::string app_protocol;
  std::string protocol = "TCP";
};

struct Service {
  Meta meta;
  bool external_name = false;
  std::vector<ServicePort> ports;
  // Null: no such port.
  const ServicePort* find_port(std::uint16_t port) const;
};

struct SliceEndpoint {
  std::vector<std::string> addresses;
  bool ready = true;  // Absent means ready.
};

struct EndpointSlice {
  Meta meta;
  std::string service;  // Of label kubernetes.io/service-name.
  std::vector<SliceEndpoint> endpoints;
  std::map<std::string, std::uint16_t> ports;  // By port name, "" included.
};

// kubernetes.io/tls. The key never goes into a message.
struct TlsSecret {
  Meta meta;
  std::string certificate_pem;
  std::string key_pem;
  std::string problem;  // Empty: usable as far as can be told without opening it.
};

struct PoolPicker {
  std::string group;
  std::string kind = "Service";
  std::string name;
  std::uint16_t port = 0;  // 0: not given.
  bool fail_open = false;
};

struct InferencePool {
  Meta meta;
  Labels match_labels;
  std::vector<std::uint16_t> target_ports;
  bool h2c = false;
  std::optional<PoolPicker> picker;
  Problems problems;
  Json document;  // Whole, for those who read more of it.
};

// kInvalidArgument: not an object, or without a name.
Result<GatewayClass> parse_gateway_class(const Json& document);
Result<Gateway> parse_gateway(const Json& document);
Result<Route> parse_http_route(const Json& document);
Result<Route> parse_grpc_route(const Json& document);
Result<ReferenceGrant> parse_reference_grant(const Json& document);
Result<Service> parse_service(const Json& document);
Result<EndpointSlice> parse_endpoint_slice(const Json& document);
Result<Meta> parse_meta(const Json& document);
Result<TlsSecret> parse_tls_secret(const Json& document);
Result<InferencePool> parse_inference_pool(const Json& document);

}  // namespace rage::gatewayapi
