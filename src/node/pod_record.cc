#include "node/pod_record.h"

#include <algorithm>
#include <ctime>

namespace rage::node {
namespace {

using codec::find_key;
using codec::number_or;
using codec::string_or;
using Role = ContainerRecord::Role;
using State = ContainerRecord::State;

constexpr int kLostCode = 137;  // As if killed: nobody saw its end.

RestartPolicy restart_policy_of(const Json& spec) {
  const std::string text = string_or(spec, "restartPolicy", "Always");
  if (text == "Never") return RestartPolicy::kNever;
  return text == "OnFailure" ? RestartPolicy::kOnFailure : RestartPolicy::kAlways;
}

const Json* status_of_container(const Json& pod, const ContainerRecord& record) {
  const Json* status = find_key(pod, "status");
  if (status == nullptr) return nullptr;
  const bool main = record.role == Role::kMain;
  for (const Json& each : items_of(*status, main ? "containerStatuses" : "initContainerStatuses")) {
    if (string_or(each, "name", "") == record.name) return &each;
  }
  return nullptr;
}

Termination parse_termination(const Json& json, WallTime now) {
  return {.code = static_cast<int>(number_or(json, "exitCode", kLostCode)),
          .reason = string_or(json, "reason", "Error"),
          .message = string_or(json, "message", ""),
          .started_at = parse_rfc3339(string_or(json, "startedAt", "")).value_or(now),
          .finished_at = parse_rfc3339(string_or(json, "finishedAt", "")).value_or(now)};
}

bool restarts(const PodRecord& record, const ContainerRecord& container, int code) {
  if (container.role == Role::kSidecar) return true;
  if (container.role == Role::kInit) return code != 0 && record.restart != RestartPolicy::kNever;
  if (record.restart == RestartPolicy::kAlways) return true;
  return record.restart == RestartPolicy::kOnFailure && code != 0;
}

void restore(const Json& status, const PodRecord& record, WallTime now,
             ContainerRecord& container) {
  const Json* state = find_key(status, "state");
  const Json* last = find_path(status, {"lastState", "terminated"});
  const auto restart_count = static_cast<std::uint32_t>(number_or(status, "restartCount", 0));
  if (last != nullptr) {
    container.last = parse_termination(*last, now);
    container.runs = restart_count + 1;
  }
  if (state == nullptr) return;
  if (const Json* terminated = find_key(*state, "terminated")) {
    container.last = parse_termination(*terminated, now);
    container.runs = restart_count + 1;
    if (!restarts(record, container, container.last->code)) container.state = State::kTerminated;
  } else if (const Json* running = find_key(*state, "running")) {
    container.runs = restart_count + 1;
    container.last =
        Termination{.code = kLostCode,
                    .reason = "Error",
                    .message = "the node was restarted while the container ran",
                    .started_at = parse_rfc3339(string_or(*running, "startedAt", "")).value_or(now),
                    .finished_at = now};
    if (!restarts(record, container, kLostCode)) container.state = State::kTerminated;
  }
}

void add_containers(const Json& pod, const Json& spec, std::string_view key, WallTime now,
                    PodRecord& record) {
  for (const Json& each : items_of(spec, key)) {
    ContainerRecord container{.name = string_or(each, "name", ""),
                              .image = string_or(each, "image", "")};
    if (key == "initContainers") {
      const bool sidecar = string_or(each, "restartPolicy", "") == "Always";
      container.role = sidecar ? Role::kSidecar : Role::kInit;
    }
    container.reason = key == "initContainers" ? "PodInitializing" : "ContainerCreating";
    if (const Json* status = status_of_container(pod, container)) {
      restore(*status, record, now, container);
    }
    record.containers.push_back(std::move(container));
  }
}

bool is_past(const ContainerRecord& container) {
  if (container.role == Role::kSidecar) return container.started;
  return container.state == State::kTerminated && container.last && container.last->code == 0;
}

bool is_initialized(const PodRecord& record) {
  return std::ranges::all_of(record.containers, [](const ContainerRecord& container) {
    return container.role == Role::kMain || is_past(container);
  });
}

bool init_failed(const PodRecord& record) {
  return std::ranges::any_of(record.containers, [](const ContainerRecord& container) {
    return container.role == Role::kInit && container.state == State::kTerminated &&
           container.last && container.last->code != 0;
  });
}

// A container that waits: now, or when its time has come.
void consider(const ContainerRecord& container, std::size_t index, WallTime now, NextStarts& next) {
  if (container.state != State::kWaiting) return;
  if (container.not_before <= now) {
    next.containers.push_back(index);
  } else if (!next.wake_at || container.not_before < *next.wake_at) {
    next.wake_at = container.not_before;
  }
}

Json render_termination(const Termination& end, const std::string& id) {
  Json json = {{"exitCode", end.code},
               {"reason", end.reason},
               {"startedAt", rfc3339(end.started_at)},
               {"finishedAt", rfc3339(end.finished_at)},
               {"containerID", id}};
  if (!end.message.empty()) json["message"] = end.message;
  return json;
}

Json render_state(const ContainerRecord& container, const std::string& id) {
  switch (container.state) {
    case State::kRunning:
      return {{"running", {{"startedAt", rfc3339(container.started_at)}}}};
    case State::kTerminated:
      return {{"terminated", render_termination(container.last.value_or(Termination{}), id)}};
    case State::kWaiting:
      break;
  }
  Json waiting = {{"reason", container.reason}};
  if (!container.message.empty()) waiting["message"] = container.message;
  return {{"waiting", std::move(waiting)}};
}

Json render_container(const ContainerRecord& container, const std::string& uid) {
  const std::string id = container.runs == 0 ? std::string()
                                             : fmt::format("process://{}/{}/{}", uid,
                                                           container.name, container.runs - 1);
  const bool running = container.state == State::kRunning;
  Json json = {
      {"name", container.name},
      {"image", container.image},
      {"imageID", ""},
      {"containerID", id},
      {"ready", container.role == Role::kInit ? is_past(container) : running && container.ready},
      {"started", running && container.started},
      {"restartCount", container.runs == 0 ? 0 : container.runs - 1},
      {"state", render_state(container, id)},
      {"lastState", Json::object()}};
  if (container.last && container.state != State::kTerminated) {
    json["lastState"]["terminated"] = render_termination(*container.last, id);
  }
  return json;
}

struct PodCondition {
  std::string type;
  bool holds = true;
  std::string reason = {};
  std::string message = {};
};

// Keeps what others wrote, and the time of the last change.
void set_pod_condition(Json& conditions, const PodCondition& condition, const std::string& now) {
  const std::string status = condition.holds ? "True" : "False";
  Json json = {{"type", condition.type},
               {"status", status},
               {"lastProbeTime", nullptr},
               {"lastTransitionTime", now}};
  if (!condition.reason.empty()) json["reason"] = condition.reason;
  if (!condition.message.empty()) json["message"] = condition.message;
  for (Json& each : conditions) {
    if (string_or(each, "type", "") != condition.type) continue;
    if (string_or(each, "status", "") == status) {
      json["lastTransitionTime"] = string_or(each, "lastTransitionTime", now);
    }
    each = std::move(json);
    return;
  }
  conditions.push_back(std::move(json));
}

std::string names_text(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return "[" + text + "]";
}

PodCondition containers_ready(const PodRecord& record, const std::string& phase) {
  PodCondition condition{.type = "ContainersReady"};
  if (phase == "Succeeded" || phase == "Failed") {
    condition.holds = false;
    condition.reason = phase == "Succeeded" ? "PodCompleted" : "PodFailed";
    return condition;
  }
  std::vector<std::string> unready;
  for (const ContainerRecord& container : record.containers) {
    const bool counts = container.role != Role::kInit;
    const bool ready = container.state == State::kRunning && container.ready;
    if (counts && !ready) unready.push_back(container.name);
  }
  if (unready.empty()) return condition;
  condition.holds = false;
  condition.reason = "ContainersNotReady";
  condition.message = "containers with unready status: " + names_text(unready);
  return condition;
}

PodCondition initialized(const PodRecord& record) {
  PodCondition condition{.type = "Initialized", .holds = is_initialized(record)};
  if (condition.holds) return condition;
  std::vector<std::string> waiting;
  for (const ContainerRecord& container : record.containers) {
    if (container.role != Role::kMain && !is_past(container)) waiting.push_back(container.name);
  }
  condition.reason = "ContainersNotInitialized";
  condition.message = "containers with incomplete status: " + names_text(waiting);
  return condition;
}

// Conditions that somebody else has to set before the pod counts as ready.
bool gates_open(const Json& pod, const Json& conditions) {
  const Json* spec = find_key(pod, "spec");
  if (spec == nullptr) return true;
  return std::ranges::all_of(items_of(*spec, "readinessGates"), [&](const Json& gate) {
    return std::ranges::any_of(conditions, [&](const Json& condition) {
      return string_or(condition, "type", "") == string_or(gate, "conditionType", "") &&
             string_or(condition, "status", "") == "True";
    });
  });
}

Json render_conditions(const Json& pod, const PodRecord& record, const std::string& phase,
                       const std::string& now) {
  const Json* before = find_path(pod, {"status", "conditions"});
  Json conditions = before != nullptr && before->is_array() ? *before : Json::array();
  set_pod_condition(conditions, {.type = "PodScheduled"}, now);
  set_pod_condition(conditions, {.type = "PodReadyToStartContainers"}, now);
  set_pod_condition(conditions, initialized(record), now);
  PodCondition ready = containers_ready(record, phase);
  set_pod_condition(conditions, ready, now);
  ready.type = "Ready";
  if (ready.holds && !gates_open(pod, conditions)) {
    ready.holds = false;
    ready.reason = "ReadinessGatesNotReady";
    ready.message = "a condition of spec.readinessGates is not True";
  }
  set_pod_condition(conditions, ready, now);
  return conditions;
}

}  // namespace

std::string rfc3339(WallTime time) {
  const std::time_t seconds = unix_seconds(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::optional<WallTime> parse_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || (*end != 'Z' && *end != '.')) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

PodRecord record_of(const Json& pod, WallTime now) {
  PodRecord record;
  const Json* spec = find_key(pod, "spec");
  if (spec == nullptr) return record;
  record.restart = restart_policy_of(*spec);
  const Json* status = find_key(pod, "status");
  record.start_time = status ? string_or(*status, "startTime", rfc3339(now)) : rfc3339(now);
  add_containers(pod, *spec, "initContainers", now, record);
  add_containers(pod, *spec, "containers", now, record);
  if (status != nullptr && string_or(*status, "phase", "") == "Failed") {
    record.failure_reason = string_or(*status, "reason", "Error");
    record.failure_message = string_or(*status, "message", "");
  }
  return record;
}

NextStarts next_starts(const PodRecord& record, WallTime now) {
  NextStarts next;
  if (is_over(record)) return next;
  for (std::size_t i = 0; i < record.containers.size(); ++i) {
    const ContainerRecord& container = record.containers[i];
    if (container.role == Role::kMain) break;
    consider(container, i, now, next);
    if (!is_past(container)) return next;  // One after the other.
  }
  for (std::size_t i = 0; i < record.containers.size(); ++i) {
    if (record.containers[i].role == Role::kMain) consider(record.containers[i], i, now, next);
  }
  return next;
}

void record_end(PodRecord& record, std::size_t index, Termination end,
                const RestartDelays& delays) {
  ContainerRecord& container = record.containers[index];
  const int code = end.code;
  const WallTime finished = end.finished_at;
  const auto ran = finished - end.started_at;
  container.last = std::move(end);
  container.ready = false;
  container.started = false;
  container.pid = 0;
  if (!restarts(record, container, code)) {
    container.state = State::kTerminated;
    return;
  }
  if (ran >= delays.stable_after) container.ended_in_a_row = 0;
  std::chrono::milliseconds delay{0};  // The first time, at once.
  if (container.ended_in_a_row > 0) {
    const unsigned doublings = std::min(container.ended_in_a_row - 1, 20U);
    delay = std::min<std::chrono::milliseconds>(delays.first * (1LL << doublings), delays.max);
  }
  ++container.ended_in_a_row;
  container.state = State::kWaiting;
  container.not_before = finished + delay;
  container.reason = delay.count() == 0 ? "ContainerCreating" : "CrashLoopBackOff";
  container.message = delay.count() == 0
                          ? std::string()
                          : fmt::format("back-off {}s restarting failed container={}",
                                        delay.count() / 1000, container.name);
}

void record_refusal(PodRecord& record, std::size_t index, std::string reason, std::string message,
                    WallTime not_before) {
  ContainerRecord& container = record.containers[index];
  container.state = State::kWaiting;
  container.reason = std::move(reason);
  container.message = std::move(message);
  container.not_before = not_before;
}

void record_start(PodRecord& record, std::size_t index, int pid, WallTime now) {
  ContainerRecord& container = record.containers[index];
  container.state = State::kRunning;
  container.started_at = now;
  container.pid = pid;
  container.reason.clear();
  container.message.clear();
  ++container.runs;
}

std::string phase_of(const PodRecord& record) {
  if (!record.failure_reason.empty() || init_failed(record)) return "Failed";
  if (!is_initialized(record)) {
    const bool began = std::ranges::any_of(record.containers, [](const ContainerRecord& each) {
      return each.role == Role::kMain && each.runs > 0;
    });
    if (!began) return "Pending";
  }
  bool all_over = true;
  bool failed = false;
  bool never_began = false;
  for (const ContainerRecord& container : record.containers) {
    if (container.role != Role::kMain) continue;
    all_over = all_over && container.state == State::kTerminated;
    failed = failed || (container.last && container.last->code != 0);
    never_began = never_began || (container.state == State::kWaiting && container.runs == 0);
  }
  if (all_over) return failed ? "Failed" : "Succeeded";
  return never_began ? "Pending" : "Running";
}

bool is_over(const PodRecord& record) {
  const std::string phase = phase_of(record);
  return phase == "Succeeded" || phase == "Failed";
}

Json render_status(const Json& pod, const PodRecord& record, const PodFacts& facts, WallTime now) {
  const std::string uid = apis::parse_meta(pod).uid;
  const std::string phase = phase_of(record);
  Json status = {{"phase", phase},
                 {"conditions", render_conditions(pod, record, phase, rfc3339(now))},
                 {"hostIP", facts.host_ip},
                 {"hostIPs", Json::array({{{"ip", facts.host_ip}}})},
                 {"podIP", facts.pod_ip},
                 {"podIPs", Json::array({{{"ip", facts.pod_ip}}})},
                 {"startTime", record.start_time},
                 {"containerStatuses", Json::array()}};
  status["reason"] = record.failure_reason.empty() ? Json() : Json(record.failure_reason);
  status["message"] = record.failure_message.empty() ? Json() : Json(record.failure_message);
  for (const ContainerRecord& container : record.containers) {
    const bool main = container.role == Role::kMain;
    status[main ? "containerStatuses" : "initContainerStatuses"].push_back(
        render_container(container, uid));
  }
  return status;
}

}  // namespace rage::node
