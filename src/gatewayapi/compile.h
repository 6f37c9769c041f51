// From objects to what a gateway runs: which listeners to open, which routes each of them serves,
// and the facts that status is written from. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gatewayapi/route_table.h"
#include "gatewayapi/world.h"

namespace rage::gatewayapi {

struct CompileOptions {
  std::string controller = "rage.dev/gateway-controller";
  // Gateways whose class does not exist: a cluster's are somebody else's, a file's are ours.
  enum class UnknownClass { kIgnore, kServe };
  UnknownClass unknown_class = UnknownClass::kIgnore;
  // Pools without endpointPickerRef: picked for by our own picker, or refused.
  enum class MissingPicker { kServe, kRefuse };
  MissingPicker missing_picker = MissingPicker::kServe;
};

enum class ListenerProtocol { kHttp, kHttps };

// A listener that is to be served.
struct CompiledListener {
  std::string name;
  std::uint16_t port = 0;
  ListenerProtocol protocol = ListenerProtocol::kHttp;
  std::string hostname;                  // Empty: any.
  std::vector<ObjectName> certificates;  // Secrets that exist and read well; not empty for kHttps.
  std::shared_ptr<const RouteTable> routes;
};

struct CompiledGateway {
  ObjectName name;
  std::vector<std::string> requested_addresses;  // spec.addresses; empty: any.
  std::vector<CompiledListener> listeners;
};

// A pool that some rule may forward to.
struct CompiledPool {
  std::optional<Problem> problem;  // Its picker cannot be reached: 5xx, or fail open.
  ObjectName picker_service;       // Empty: none given, our own picker picks.
  std::uint16_t picker_port = 0;
  bool fail_open = false;
  bool h2c = false;
};

// The rest is for plan_statuses(): every listener and every reference to a gateway of ours.
struct ListenerState {
  std::string name;
  std::vector<RouteKind> supported_kinds;
  std::int32_t attached_routes = 0;
  std::optional<Problem> not_accepted;
  std::optional<Problem> conflict;
  std::optional<Problem> unresolved;
  std::vector<std::string> overlapping;  // HTTPS listeners of its port that share hosts with it.
  bool served = false;
};

struct GatewayState {
  ObjectName name;
  std::optional<Problem> not_accepted;  // Of the Gateway as a whole.
  std::vector<ListenerState> listeners;
};

struct ParentState {
  ParentRef parent;
  std::optional<Problem> not_accepted;
};

struct RouteState {
  Route::Kind kind = Route::Kind::kHttp;
  ObjectName name;
  std::vector<ParentState> parents;  // Those that are gateways of ours.
  Problems unresolved;
  std::string dropped_rules;      // "Dropped Rule ..."; empty: none.
  std::vector<ObjectName> pools;  // That its rules may forward to.
};

// Value, immutable once made.
struct Compiled {
  std::vector<CompiledGateway> gateways;
  std::map<ObjectName, CompiledPool> pools;
  std::vector<GatewayState> gateway_states;
  std::vector<RouteState> route_states;
};

Compiled compile(const World& world, const CompileOptions& options);

// The listener of this port whose hostname matches `host` best: only its routes count. Null: 404.
// Over TLS, whoever answers compares the listener of SNI with the one of Host; if they differ, the
// request was misdirected: 421.
const CompiledListener* find_listener(const CompiledGateway& gateway, std::uint16_t port,
                                      std::string_view host);

}  // namespace rage::gatewayapi
