#include <fmt/format.h>

#include <algorithm>

#include "gatewayapi/detail/conditions.h"

namespace rage::gatewayapi::detail {
namespace {

const Json* find_listener_status(const Json& status, const std::string& name) {
  const Json* listeners = codec::find_key(status, "listeners");
  if (listeners == nullptr || !listeners->is_array()) return nullptr;
  const auto at = std::ranges::find_if(
      *listeners, [&](const Json& l) { return codec::string_or(l, "name", "") == name; });
  return at == listeners->end() ? nullptr : &*at;
}

// The state together with what binding its port has shown.
std::optional<Problem> refusal_of(const ListenerState& listener, const GatewayFacts& facts) {
  if (listener.not_accepted) return listener.not_accepted;
  const auto failed = facts.failed_listeners.find(listener.name);
  if (failed == facts.failed_listeners.end()) return std::nullopt;
  return Problem{"PortUnavailable", fmt::format("its port cannot be opened: {}", failed->second)};
}

bool is_valid(const ListenerState& listener, const GatewayFacts& facts) {
  return !listener.conflict && !listener.unresolved && !refusal_of(listener, facts);
}

bool is_programmed(const GatewayState& state, const ListenerState& listener,
                   const GatewayFacts& facts) {
  return !state.not_accepted && listener.served && !refusal_of(listener, facts) &&
         !facts.addresses.empty();
}

Condition listener_programmed(const GatewayState& state, const ListenerState& listener,
                              const GatewayFacts& facts) {
  Condition condition{.type = "Programmed", .reason = "Programmed"};
  if (is_programmed(state, listener, facts)) return condition;
  condition.holds = false;
  const bool broken = state.not_accepted || !listener.served || refusal_of(listener, facts);
  condition.reason = broken ? "Invalid" : "Pending";
  condition.message =
      broken ? "the other conditions say what is wrong" : "its port is not open yet";
  return condition;
}

Json render_listener(const GatewayState& state, const ListenerState& listener,
                     const GatewayFacts& facts, const Gateway& gateway,
                     const StatusOptions& options) {
  const Json* before = find_listener_status(gateway.status, listener.name);
  Json kinds = Json::array();
  for (const RouteKind& kind : listener.supported_kinds) {
    kinds.push_back({{"group", kind.group}, {"kind", kind.kind}});
  }
  Condition conflicted{.type = "Conflicted", .holds = false, .reason = "NoConflicts"};
  if (listener.conflict) {
    conflicted = {.type = "Conflicted",
                  .reason = listener.conflict->reason,
                  .message = listener.conflict->message};
  }
  std::optional<Problem> refusal = refusal_of(listener, facts);
  if (!refusal && listener.conflict) refusal = listener.conflict;
  ConditionChange change{
      .wanted = {condition_of("Accepted", refusal, "Accepted"), conflicted,
                 condition_of("ResolvedRefs", listener.unresolved, "ResolvedRefs"),
                 listener_programmed(state, listener, facts)},
      .generation = gateway.meta.generation,
      .now = options.now};
  if (listener.overlapping.empty()) {
    change.removed.push_back("OverlappingTLSConfig");
  } else {
    change.wanted.push_back(
        {.type = "OverlappingTLSConfig",
         .reason = "OverlappingHostnames",
         .message = fmt::format("shares hosts with {}", fmt::join(listener.overlapping, ", "))});
  }
  return {{"name", listener.name},
          {"supportedKinds", std::move(kinds)},
          {"attachedRoutes", listener.attached_routes},
          {"conditions",
           merge_conditions(before == nullptr ? nullptr : codec::find_key(*before, "conditions"),
                            change)}};
}

Condition gateway_accepted(const GatewayState& state, const GatewayFacts& facts) {
  Condition accepted = condition_of("Accepted", state.not_accepted, "Accepted");
  std::vector<std::string> invalid;
  for (const ListenerState& listener : state.listeners) {
    if (!is_valid(listener, facts)) invalid.push_back(listener.name);
  }
  if (accepted.holds && !invalid.empty()) {
    accepted.reason = "ListenersNotValid";
    accepted.message = fmt::format("not valid: {}", fmt::join(invalid, ", "));
  }
  return accepted;
}

Condition gateway_programmed(const GatewayState& state, const GatewayFacts& facts) {
  Condition programmed{.type = "Programmed", .reason = "Programmed"};
  const bool any = std::ranges::any_of(state.listeners, [&](const ListenerState& listener) {
    return is_programmed(state, listener, facts);
  });
  if (any) return programmed;
  programmed.holds = false;
  const bool servable =
      !state.not_accepted && std::ranges::any_of(state.listeners, &ListenerState::served);
  if (servable && facts.addresses.empty()) {
    programmed.reason = "AddressNotAssigned";
    programmed.message = "no address is open yet";
  } else {
    programmed.reason = "Invalid";
    programmed.message = "no listener can be served; their conditions say why";
  }
  return programmed;
}

Json render_addresses(const GatewayFacts& facts) {
  constexpr std::size_t kAddressesMax = 16;
  Json addresses = Json::array();
  for (const std::string& address : facts.addresses) {
    if (addresses.size() < kAddressesMax) {
      addresses.push_back({{"type", "IPAddress"}, {"value", address}});
    }
  }
  return addresses;
}

void plan_one(const Gateway& gateway, const GatewayState& state, const StatusOptions& options,
              std::vector<StatusChange>& changes) {
  const auto at = options.facts.find(state.name);
  const GatewayFacts facts = at == options.facts.end() ? GatewayFacts{} : at->second;
  Json status = gateway.status.is_object() ? gateway.status : Json::object();
  status["addresses"] = render_addresses(facts);
  status["conditions"] = merge_conditions(
      codec::find_key(gateway.status, "conditions"),
      {.wanted = {gateway_accepted(state, facts), gateway_programmed(state, facts)},
       .generation = gateway.meta.generation,
       .now = options.now});
  status["listeners"] = Json::array();
  for (const ListenerState& listener : state.listeners) {
    status["listeners"].push_back(render_listener(state, listener, facts, gateway, options));
  }
  add_change(changes, gateway.status,
             {.api_version = fmt::format("{}/v1", kGatewayGroup),
              .kind = "Gateway",
              .plural = "gateways",
              .object = state.name,
              .resource_version = gateway.meta.resource_version,
              .status = std::move(status)});
}

}  // namespace

void plan_gateway_statuses(const World& world, const Compiled& compiled,
                           const StatusOptions& options, std::vector<StatusChange>& changes) {
  for (const GatewayState& state : compiled.gateway_states) {
    const auto gateway = world.gateways.find(state.name);
    if (gateway != world.gateways.end()) plan_one(gateway->second, state, options, changes);
  }
}

void plan_class_statuses(const World& world, const StatusOptions& options,
                         std::vector<StatusChange>& changes) {
  for (const auto& [name, gateway_class] : world.classes) {
    if (gateway_class.controller != options.controller) continue;
    std::optional<Problem> problem;
    if (gateway_class.has_parameters) {
      problem = Problem{"InvalidParameters", "spec.parametersRef is not supported"};
    }
    Json status = gateway_class.status.is_object() ? gateway_class.status : Json::object();
    status["conditions"] =
        merge_conditions(codec::find_key(gateway_class.status, "conditions"),
                         {.wanted = {condition_of("Accepted", problem, "Accepted")},
                          .generation = gateway_class.meta.generation,
                          .now = options.now});
    if (!options.features.empty()) {
      std::vector<std::string> features = options.features;
      std::ranges::sort(features);  // As the API wants them.
      status["supportedFeatures"] = Json::array();
      for (std::string& feature : features) {
        status["supportedFeatures"].push_back({{"name", std::move(feature)}});
      }
    }
    add_change(changes, gateway_class.status,
               {.api_version = fmt::format("{}/v1", kGatewayGroup),
                .kind = "GatewayClass",
                .plural = "gatewayclasses",
                .object = name,
                .resource_version = gateway_class.meta.resource_version,
                .status = std::move(status)});
  }
}

}  // namespace rage::gatewayapi::detail
