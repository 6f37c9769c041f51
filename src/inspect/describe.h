// `rage describe`: one object with all that belongs to it, for a person.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"
#include "inspect/world.h"

namespace rage::inspect {

// Pure. `world` has what belongs to `object`; the same input gives the same text. Data of Secrets
// is counted, never shown.
std::string render_description(const Json& object, const World& world, WallTime now);

Result<void> run_describe(const Context& context, const Cluster& cluster,
                          const std::vector<std::string>& arguments);

// "2/3 ready", "Running, 1/1 ready, 4 restarts": in short how an object is; empty: nothing to say.
std::string readiness_of(const Json& object);

}  // namespace rage::inspect
