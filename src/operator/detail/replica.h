// One Workspace of an InferenceSet, seen from the set: does it serve, does it fail, and what would
// bring it to the set's template. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "apis/inference_set.h"
#include "apis/workspace.h"
#include "base/clock.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op::detail {

inline constexpr std::string_view kCreatedBy = "inferenceset.kaito.sh/created-by";
inline constexpr std::string_view kUpgradeLabel = "kaito.sh/upgrade-to-version";
inline constexpr std::string_view kUpgradeStart = "kaito.sh/upgrade-start-time";
inline constexpr std::string_view kRuntimeAnnotation = "kaito.sh/runtime";
inline constexpr std::string_view kDisableBenchmark = "kaito.sh/disable-benchmark";
// Ours. The template a child has; when it got it; which of its annotations came with it; its
// number.
inline constexpr std::string_view kTemplateHash = "rage.dev/template-hash";
inline constexpr std::string_view kTemplateTime = "rage.dev/template-time";
inline constexpr std::string_view kTemplateAnnotations = "rage.dev/template-annotations";
inline constexpr std::string_view kSerial = "rage.dev/serial";

// A changed template needs this long to reach the pods; until then a child's status is still that
// of what it ran before, and is not believed.
inline constexpr std::chrono::seconds kSettleTime{15};

enum class TemplateChange {
  kNone,
  kInPlace,  // The Workspace can be patched.
  kReplace,  // Immutable in a Workspace, or bound to its nodes: only a new one can have it.
};

// What a child of `set` should be, without name and status. meta.labels and meta.annotations hold
// what the set states, not what is recorded.
apis::Workspace wanted_child(const apis::InferenceSet& set, const Settings& settings);
// Ten hex digits. Labels are not in it: they are added to every child at once.
std::string template_hash(const apis::Workspace& wanted);
// By content, without looking at the recorded hash.
TemplateChange change_between(const apis::Workspace& child, const apis::Workspace& wanted,
                              const Settings& settings);

struct Template {
  apis::Workspace wanted;
  std::string hash;
};

// Value; borrows the Workspace.
struct Replica {
  const apis::Workspace* workspace = nullptr;
  bool ready = false;
  bool waiting_for_nodes = false;
  std::string failure;  // "ContainerOOMKilled: ..."; empty if it does not fail.
  TemplateChange change = TemplateChange::kNone;
  bool unstamped = false;  // Has the template's content, but not its hash: adopted.
  bool old_image = false;  // Runs an older base image; set by auto_upgrade.cc.
  // When its state may be another although nothing happens: settled, or past the deadline.
  std::optional<WallTime> look_again;

  const std::string& name() const { return workspace->meta.name; }
  bool deleting() const { return workspace->meta.deleting; }
  bool old() const { return change != TemplateChange::kNone; }
};

Replica view_replica(const apis::Workspace& child, const Template& wanted,
                     const apis::UpdateStrategy& strategy, const Settings& settings, WallTime now);

// The name of the set's child number `serial`: the same whenever it is asked for, so that a create
// that is tried twice makes one.
std::string child_name(const apis::InferenceSet& set, int serial);
Json render_child(const apis::InferenceSet& set, const Template& wanted, int serial,
                  std::string_view now);

enum class PatchScope { kRecords, kTemplate };
// Merge patch: the labels it lacks; kTemplate also everything that may change in place, and the
// records of it. An empty object: nothing to do.
Json render_child_patch(const Replica& replica, const Template& wanted, PatchScope scope,
                        std::string_view now);

}  // namespace rage::op::detail
