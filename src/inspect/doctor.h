// `rage doctor`: why is this not ready, in one screen. The diagnosis is pure: what was seen of a
// cluster in, causes out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"
#include "inspect/world.h"

namespace rage::inspect {

// Causes before what they cause: the order in which findings are shown.
enum class Cause {
  kCrds,
  kOperator,
  kWebhook,
  kReference,  // A Secret, ConfigMap, Service or resource that is named and not there.
  kGatedModel,
  kNodes,  // None that fits, not ready, tainted.
  kGpus,   // Held by others, or not shown by a node.
  kNodeClaim,
  kQuota,
  kVolume,
  kScheduling,
  kImage,
  kStart,
  kMemory,
  kCrash,
  kProbe,
  kRollout,
  kDeletion,
  kCondition,  // Nothing better is known than what the resource says itself.
};
std::string_view name_of(Cause cause);

enum class Severity { kError, kWarning };

// Value. One thing that is wrong.
struct Finding {
  Cause cause = Cause::kCondition;
  Severity severity = Severity::kError;
  std::string object;                 // "Workspace default/phi"
  std::string what;                   // One sentence.
  std::vector<std::string> evidence;  // Where that can be seen.
  std::vector<std::string> todo;      // Commands, or what to change.
};

struct Diagnosis {
  std::vector<Finding> findings;     // Ordered by cause.
  std::vector<std::string> checked;  // "2 workspaces", "5 pods".
  std::vector<std::string> unseen;   // What nobody may read, so that it was not checked.
  bool well() const;                 // No errors; warnings are no illness.
};

// `subjects` are objects of our kinds in `world`; what they consist of is looked at, too.
Diagnosis diagnose(const World& world, const std::vector<const Json*>& subjects, WallTime now);

std::string render_diagnosis(const Diagnosis& diagnosis, Colour colour);
Json diagnosis_json(const Diagnosis& diagnosis);

// All objects of our kinds in the namespace, or those named. Everything is looked at once.
Result<Diagnosis> examine(const Context& context, const Cluster& cluster,
                          const std::vector<std::string>& arguments);

}  // namespace rage::inspect
