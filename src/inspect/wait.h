// `rage wait`: until an object is as wanted, by a watch; says why when it gives up.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"
#include "inspect/json_path.h"

namespace rage::inspect {

// Value. What is waited for.
struct Goal {
  enum class Kind { kReady, kCondition, kDeleted, kCreated, kJsonPath };
  Kind kind = Kind::kReady;
  std::string condition = {};   // kCondition.
  std::string status = "True";  // kCondition.
  std::optional<JsonPath> path = std::nullopt;
  std::optional<std::string> value = std::nullopt;  // kJsonPath; none: anything.
};

// "ready", "condition=X", "condition=X=False", "delete", "create", "jsonpath={...}=VALUE".
Result<Goal> parse_goal(std::string_view text);

// Whether an object that is there meets it. A condition that speaks of an older generation of the
// object does not count. "ready" is by what says it for that kind: InferenceSetReady and so on.
bool is_met(const Goal& goal, const Json& object);

struct WaitCommand {
  std::vector<std::string> arguments = {};
  std::string goal = "ready";
  std::chrono::milliseconds timeout{30'000};  // For all of them together.
};

// Prints "workspace.kaito.sh/phi condition met" for each. kDeadlineExceeded after the doctor's
// findings.
Result<void> run_wait(const Context& context, const Cluster& cluster, const WaitCommand& command);

// "30s", "5m", "1h30m", "500ms"; "0" is a look without waiting, "-1s" a week.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace rage::inspect
