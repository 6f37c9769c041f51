// What a node knows of a pod that it runs, and what follows from it: which containers to start now,
// how long to wait, what the pod's status says. Pure.
// Source: Kubernetes "Pod Lifecycle"; core/v1 PodStatus.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "node/pod_environment.h"

namespace rage::node {

enum class RestartPolicy { kAlways, kOnFailure, kNever };

// Value. How one run of a container ended.
struct Termination {
  int code = 0;
  std::string reason;  // "Completed", "Error", "OOMKilled"
  std::string message = {};
  WallTime started_at = {};
  WallTime finished_at = {};

  bool operator==(const Termination&) const = default;
};

// Value.
struct ContainerRecord {
  enum class Role { kInit, kSidecar, kMain };
  enum class State { kWaiting, kRunning, kTerminated };

  std::string name;
  std::string image;
  Role role = Role::kMain;
  State state = State::kWaiting;
  std::string reason = {};  // While it waits.
  std::string message = {};
  WallTime started_at = {};
  WallTime not_before = {};              // While it waits.
  std::optional<Termination> last = {};  // The run that ended last; this one if kTerminated.
  std::uint32_t runs = 0;                // Begun so far; the next one's number.
  std::uint32_t ended_in_a_row = 0;      // Without having run for long.
  bool started = false;                  // Its startup probe passed.
  bool ready = false;
  int pid = 0;
};

struct RestartDelays {
  std::chrono::milliseconds first{10'000};  // Doubles;
  std::chrono::milliseconds max{300'000};
  std::chrono::milliseconds stable_after{600'000};  // a run this long starts afresh.
};

// Value.
struct PodRecord {
  RestartPolicy restart = RestartPolicy::kAlways;
  std::vector<ContainerRecord> containers;  // Init containers first, each group in its order.
  std::string start_time;                   // RFC 3339.
  std::string failure_reason = {};          // Given: the pod as a whole has failed.
  std::string failure_message = {};
};

// From the object: a pod that ran before the node was restarted goes on counting, and what had
// ended stays ended. Containers that were running have been lost with the node.
PodRecord record_of(const Json& pod, WallTime now);

// What to start now, and when to look again without news.
struct NextStarts {
  std::vector<std::size_t> containers;
  std::optional<WallTime> wake_at = std::nullopt;
};
NextStarts next_starts(const PodRecord& record, WallTime now);

// The container's run has ended: terminated, or waiting for the next one.
void record_end(PodRecord& record, std::size_t container, Termination end,
                const RestartDelays& delays);
// It cannot be started; tried again at `not_before`.
void record_refusal(PodRecord& record, std::size_t container, std::string reason,
                    std::string message, WallTime not_before);
void record_start(PodRecord& record, std::size_t container, int pid, WallTime now);

// "Pending", "Running", "Succeeded", "Failed"
std::string phase_of(const PodRecord& record);
bool is_over(const PodRecord& record);

// `before` is the pod's status as it is: conditions of others are kept, transition times too.
Json render_status(const Json& pod, const PodRecord& record, const PodFacts& facts, WallTime now);

std::string rfc3339(WallTime time);
std::optional<WallTime> parse_rfc3339(const std::string& text);

}  // namespace rage::node
