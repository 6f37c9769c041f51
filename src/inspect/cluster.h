// What every command of this room is given: a server, a namespace, somewhere to write.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "inspect/kinds.h"
#include "kube/client.h"

namespace rage::inspect {

using Sink = std::function<void(std::string_view text)>;

enum class Colour { kNever, kTerminal };

struct Output {
  Sink out;  // Results.
  Sink err;  // Hints; never needed to understand `out`.
  Colour colour = Colour::kNever;
};

// Borrows all it names.
struct Cluster {
  kube::KubeClient& client;
  Clock& clock;
  std::string ns = "default";  // Of what has one; empty: all namespaces.
  const Output& output;
};

// Value. What a person named.
struct Target {
  KindInfo kind;
  std::vector<std::string> names = {};  // Empty: all.
};

// "KIND", "KIND NAME...", "KIND,KIND", "KIND/NAME...". kInvalidArgument says what to type.
Result<std::vector<Target>> parse_targets(const Kinds& kinds,
                                          const std::vector<std::string>& arguments);

struct NamedObject {
  KindInfo kind;
  std::string name;
};
// Of those commands that act on named objects only.
Result<std::vector<NamedObject>> parse_named(const Kinds& kinds,
                                             const std::vector<std::string>& arguments);

// The namespace that objects of this kind are looked for in: none for a cluster's own.
std::string namespace_for(const Cluster& cluster, const KindInfo& kind);
kube::ObjectKey key_for(const Cluster& cluster, const KindInfo& kind, std::string_view name);

}  // namespace rage::inspect
