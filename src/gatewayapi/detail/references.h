// References from one object to another: whether they are allowed, and what they lead to.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gatewayapi/compile.h"
#include "gatewayapi/world.h"

namespace rage::gatewayapi::detail {

struct Referrer {
  std::string_view group;
  std::string_view kind;
  std::string_view name_space;
};

// Within a namespace always; across namespaces if a ReferenceGrant in the target's says so.
bool may_refer(const World& world, const Referrer& from, const ObjectReference& to);

// What a backend reference leads to. With a problem it is kInvalid, with the same weight.
struct ResolvedBackend {
  Backend backend;
  std::optional<Problem> problem;
};
ResolvedBackend resolve_backend(const World& world, const Route& route,
                                const BackendRef& reference);

// The rules of a route, ready for a table. Dropped rules are left out; `problems` gets what could
// not be resolved, `pools` every pool that traffic may reach.
std::shared_ptr<const std::vector<RoutedRule>> compile_rules(const World& world, const Route& route,
                                                             Problems& problems,
                                                             std::vector<ObjectName>& pools);

// Where a pool's endpoint picker listens. Problem: it refers to nothing usable.
struct ResolvedPicker {
  std::optional<Problem> problem;
  ObjectName service;
  std::uint16_t port = 0;
};
ResolvedPicker resolve_picker(const World& world, const InferencePool& pool);

}  // namespace rage::gatewayapi::detail
