// The doctor's checks of pods and their volumes.
#include <algorithm>
#include <array>
#include <set>

#include "base/is_one_of.h"
#include "base/strings.h"
#include "inspect/detail/checks.h"
#include "inspect/time.h"

namespace rage::inspect::detail {
namespace {

constexpr std::array<std::string_view, 6> kImageReasons{"ImagePullBackOff",  "ErrImagePull",
                                                        "InvalidImageName",  "ErrImageNeverPull",
                                                        "ImageInspectError", "RegistryUnavailable"};
constexpr std::array<std::string_view, 6> kStartReasons{
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
    "PreCreateHookError",         "PreStartHookError",    "PostStartHookError"};

struct Container {
  const Json& pod;
  const Json& status;

  std::string name() const { return text_at(status, {"name"}); }
  std::string waiting() const { return text_at(status, {"state", "waiting", "reason"}); }
  std::string waiting_message() const { return text_at(status, {"state", "waiting", "message"}); }
  // How it ended last; null: it never did.
  const Json* ended() const {
    const Json* now = find_path(status, {"state", "terminated"});
    return now != nullptr ? now : find_path(status, {"lastState", "terminated"});
  }
  bool ready() const { return flag_at(status, {"ready"}); }
};

Finding finding_of(const Container& container, Cause cause, std::string what) {
  return {.cause = cause,
          .object = display_name(container.pod),
          .what = fmt::format("container {} {}", container.name(), what)};
}

std::string log_command(const Container& container, std::string_view flags) {
  return fmt::format("rage logs -n {} pod/{} -c {}{}",
                     text_at(container.pod, {"metadata", "namespace"}),
                     text_at(container.pod, {"metadata", "name"}), container.name(), flags);
}

// The image of the container's spec, which is what a person wrote.
std::string image_of(const Container& container) {
  for (const std::string_view list : {"initContainers", "containers"}) {
    for (const Json& spec : list_at(container.pod, {"spec", list})) {
      if (text_at(spec, {"name"}) == container.name()) return text_at(spec, {"image"});
    }
  }
  return text_at(container.status, {"image"});
}

// The newest event of the pod with that reason; null if there is none.
const Json* newest_event(const Examination& exam, const Json& object, std::string_view reason) {
  const Json* newest = nullptr;
  for (const Json* event : exam.world.events_of(object)) {
    if (text_at(*event, {"reason"}) == reason) newest = event;
  }
  return newest;
}

bool check_image(Examination& exam, const Container& container) {
  if (!is_one_of(container.waiting(), kImageReasons)) return false;
  Finding finding = finding_of(container, Cause::kImage,
                               fmt::format("cannot get its image {}", image_of(container)));
  finding.evidence = {
      fmt::format("{}: {}", container.waiting(), shortened(container.waiting_message()))};
  if (const Json* event = newest_event(exam, container.pod, "Failed")) {
    finding.evidence.push_back(shortened(text_at(*event, {"message"})));
  }
  finding.todo = {"correct the image's name, or give the pod an imagePullSecret for its registry"};
  exam.add(std::move(finding));
  return true;
}

bool check_start(Examination& exam, const Container& container) {
  if (!is_one_of(container.waiting(), kStartReasons)) return false;
  Finding finding = finding_of(container, Cause::kStart, "cannot be started");
  finding.evidence = {
      fmt::format("{}: {}", container.waiting(), shortened(container.waiting_message()))};
  finding.todo = {fmt::format("{} describe pod {}", kubectl_for(container.pod),
                              text_at(container.pod, {"metadata", "name"}))};
  exam.add(std::move(finding));
  return true;
}

bool check_memory(Examination& exam, const Container& container) {
  const Json* ended = container.ended();
  if (ended == nullptr || text_at(*ended, {"reason"}) != "OOMKilled") return false;
  Finding finding = finding_of(container, Cause::kMemory, "ran out of memory and was killed");
  // One that works again is a warning of what will come.
  finding.severity = container.ready() ? Severity::kWarning : Severity::kError;
  finding.evidence = {fmt::format("{} restarts, the last {} ago",
                                  int_at(container.status, {"restartCount"}),
                                  age_of(text_at(*ended, {"finishedAt"}), exam.now))};
  finding.todo = {"a larger node, a smaller model or context, or a higher memory limit"};
  exam.add(std::move(finding));
  return true;
}

bool check_crash(Examination& exam, const Container& container) {
  const Json* ended = container.ended();
  const int code = ended != nullptr ? int_at(*ended, {"exitCode"}) : 0;
  const bool waits = container.waiting() == "CrashLoopBackOff";
  if (!waits && (code == 0 || container.ready())) return false;
  Finding finding = finding_of(
      container, Cause::kCrash,
      waits ? fmt::format("keeps ending: {} restarts", int_at(container.status, {"restartCount"}))
            : std::string("ended with a failure"));
  if (ended != nullptr) {
    finding.evidence.push_back(fmt::format("the last exit code was {}{}{}", code,
                                           text_at(*ended, {"message"}).empty() ? "" : ": ",
                                           shortened(text_at(*ended, {"message"}))));
  }
  const auto log = exam.world.logs.find(
      fmt::format("{}/{}/{}", text_at(container.pod, {"metadata", "namespace"}),
                  text_at(container.pod, {"metadata", "name"}), container.name()));
  if (log != exam.world.logs.end()) {
    for (const std::string_view line : split(log->second, '\n')) {
      if (!trim(line).empty()) finding.evidence.push_back("log: " + shortened(std::string(line)));
    }
  }
  finding.todo = {log_command(container, " --previous")};
  exam.add(std::move(finding));
  return true;
}

void check_probe(Examination& exam, const Container& container) {
  const Json* running = find_path(container.status, {"state", "running"});
  if (running == nullptr || container.ready()) return;
  const bool started = flag_at(container.status, {"started"});
  Finding finding = finding_of(container, Cause::kProbe,
                               fmt::format("runs since {} and does not pass its {} probe",
                                           age_of(text_at(*running, {"startedAt"}), exam.now),
                                           started ? "readiness" : "startup"));
  if (const Json* event = newest_event(exam, container.pod, "Unhealthy")) {
    finding.evidence = {shortened(text_at(*event, {"message"}))};
  } else {
    finding.severity = Severity::kWarning;  // It may just be loading.
  }
  finding.todo = {log_command(container, " --tail 50")};
  exam.add(std::move(finding));
}

void check_scheduling(Examination& exam, const Json& pod) {
  const Json* scheduled = find_condition(pod, "PodScheduled");
  if (scheduled == nullptr || text_at(*scheduled, {"status"}) != "False") return;
  exam.add({.cause = Cause::kScheduling,
            .object = display_name(pod),
            .what = "no node takes it",
            .evidence = {shortened(text_at(*scheduled, {"message"}), 600)},
            .todo = {fmt::format("{} describe pod {}", kubectl_for(pod),
                                 text_at(pod, {"metadata", "name"}))}});
}

void check_eviction(Examination& exam, const Json& pod) {
  if (text_at(pod, {"status", "phase"}) != "Failed" ||
      text_at(pod, {"status", "reason"}) != "Evicted") {
    return;
  }
  exam.add({.cause = Cause::kScheduling,
            .object = display_name(pod),
            .what = "was evicted by its node",
            .evidence = {shortened(text_at(pod, {"status", "message"}))},
            .todo = {fmt::format("kubectl describe node {}", text_at(pod, {"spec", "nodeName"}))}});
}

void check_pod(Examination& exam, const Json& pod) {
  const bool works = is_condition_true(pod, "Ready");
  check_scheduling(exam, pod);
  check_eviction(exam, pod);
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& status : list_at(pod, {"status", list})) {
      const Container container{.pod = pod, .status = status};
      if (works) {
        check_memory(exam, container);
        continue;
      }
      if (check_image(exam, container) || check_start(exam, container) ||
          check_memory(exam, container) || check_crash(exam, container)) {
        continue;
      }
      check_probe(exam, container);
    }
  }
}

// Of a claim that is not bound; empty if it only waits for its pod.
std::string why_unbound(const Examination& exam, const Json& claim) {
  const std::string name = text_at(claim, {"spec", "storageClassName"});
  const bool classes_known = exam.world.documents.contains("StorageClass");
  const Json* storage = exam.world.find("StorageClass", {.ns = "", .name = name});
  if (!name.empty() && classes_known && storage == nullptr) {
    return fmt::format("there is no StorageClass {}", name);
  }
  if (name.empty() && classes_known)
    return "it names no StorageClass and the cluster has no default";
  if (const Json* event = newest_event(exam, claim, "ProvisioningFailed")) {
    return shortened(text_at(*event, {"message"}));
  }
  if (storage != nullptr && text_at(*storage, {"volumeBindingMode"}) == "WaitForFirstConsumer" &&
      text_at(claim, {"metadata", "annotations", "volume.kubernetes.io/selected-node"}).empty()) {
    return {};
  }
  return "nobody has made its volume yet";
}

void check_claim(Examination& exam, const Json& user, const ObjectKey& key) {
  if (!exam.first_time("claim " + key.str())) return;
  const auto exists = exam.world.exists("PersistentVolumeClaim", key);
  Finding finding{.cause = Cause::kVolume,
                  .object = "PersistentVolumeClaim " + key.str(),
                  .evidence = {"used by " + display_name(user)},
                  .todo = {"rage get storageclasses",
                           fmt::format("{} describe pvc {}", kubectl_for(key.ns), key.name)}};
  if (exists == false) {
    finding.what = "does not exist";
    finding.todo = {fmt::format("rage get pvc -n {}", key.ns)};
    exam.add(std::move(finding));
    return;
  }
  const Json* claim = exam.world.find("PersistentVolumeClaim", key);
  if (claim == nullptr) return;
  const std::string phase = text_at(*claim, {"status", "phase"});
  if (phase == "Bound") return;
  std::string why = phase == "Lost" ? "its volume is gone" : why_unbound(exam, *claim);
  if (why.empty()) return;
  finding.what = fmt::format("is {}: {}", phase.empty() ? "Pending" : phase, why);
  exam.add(std::move(finding));
}

}  // namespace

void check_pods(Examination& exam) {
  for (const Json* pod : exam.of("Pod")) {
    if (text_at(*pod, {"metadata", "deletionTimestamp"}).empty()) check_pod(exam, *pod);
  }
}

void check_volumes(Examination& exam) {
  if (!exam.world.documents.contains("PersistentVolumeClaim")) return;
  for (const Json* member : exam.members) {
    const std::string ns = text_at(*member, {"metadata", "namespace"});
    if (kind_of(*member) == "Pod") {
      for (const Json& volume : list_at(*member, {"spec", "volumes"})) {
        const std::string name = text_at(volume, {"persistentVolumeClaim", "claimName"});
        if (!name.empty()) check_claim(exam, *member, {.ns = ns, .name = name});
      }
    } else if (kind_of(*member) == "PersistentVolumeClaim") {
      check_claim(exam, *member, {.ns = ns, .name = text_at(*member, {"metadata", "name"})});
    } else if (kind_of(*member) == "RAGEngine") {
      const std::string name =
          text_at(*member, {"spec", "storage", "persistentVolume", "persistentVolumeClaim"});
      if (!name.empty()) check_claim(exam, *member, {.ns = ns, .name = name});
    }
  }
}

void check_quota(Examination& exam) {
  for (const Json* member : exam.members) {
    const Json* event = newest_event(exam, *member, "FailedCreate");
    if (event == nullptr) continue;
    const std::string message = text_at(*event, {"message"});
    const bool quota = message.find("exceeded quota") != std::string::npos;
    // Old failures were overcome: the pods are there.
    if (!quota && !exam.world.pods_of(*member).empty()) continue;
    const std::string ns = text_at(*member, {"metadata", "namespace"});
    Finding finding{.cause = Cause::kQuota,
                    .object = display_name(*member),
                    .what = quota ? "its pods exceed a quota of the namespace"
                                  : "its pods are refused by the API server",
                    .evidence = {shortened(message, 600)},
                    .todo = {fmt::format("rage describe resourcequota -n {}", ns)}};
    for (const Json& each : exam.world.of("ResourceQuota")) {
      if (text_at(each, {"metadata", "namespace"}) != ns) continue;
      for (const auto& [resource, hard] : map_at(each, {"status", "hard"}).items()) {
        const std::string used = text_at(each, {"status", "used", resource});
        if (!hard.is_string() || used != hard.get<std::string>()) continue;
        finding.evidence.push_back(
            fmt::format("{} is used up: {} of {}", resource, used, hard.get<std::string>()));
      }
    }
    if (!quota) finding.todo = {fmt::format("{} get events", kubectl_for(ns))};
    exam.add(std::move(finding));
  }
}

}  // namespace rage::inspect::detail
