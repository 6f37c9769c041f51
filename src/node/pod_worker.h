// Runs one pod: volumes, containers, probes, restarts, its status, its end.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "kube/client.h"
#include "kube/event_recorder.h"
#include "node/cgroups.h"
#include "node/container_process.h"
#include "node/pod_record.h"
#include "node/probes.h"
#include "node/volumes.h"

namespace rage::node {

// What all pods of a node share. What it refers to outlives the workers.
struct PodSurroundings {
  kube::KubeClient& client;
  Clock& clock;
  ProbeRunner& probes;
  kube::EventRecorder& events;
  NodePaths paths;
  ImageTable images;
  FindObject find;
  RestartDelays delays = {};
  Environment environment = {};  // Every process has these: PATH, proxies.
  LogLimits logs = {};
  Cgroups* cgroups = nullptr;  // Null: limits of memory and CPU are not kept.
};

// What every process of a pod finds beside what its container says. Pure.
//   PATH HOME TMPDIR HOSTNAME, RAGE_POD_IP, RAGE_NAMESPACE, RAGE_POD_UID, RAGE_MOUNTS,
//   RAGE_SERVICES_FILE (docs/formats/local-node.md), CURL_HOME
void complete_environment(const PodSurroundings& around, const Json& pod,
                          const ContainerRequest& request, Environment& environment);

// Resource. Thread-safe. Owns a thread, and up to four more for each container that runs.
class PodWorker final {
 public:
  PodWorker(const PodSurroundings& around, Json pod, PodFacts facts);
  // Ends what still runs, at once: end() first to be polite.
  ~PodWorker();
  PodWorker(const PodWorker&) = delete;
  PodWorker& operator=(const PodWorker&) = delete;

  const std::string& uid() const { return uid_; }
  const std::string& ns() const { return ns_; }
  const std::string& pod_ip() const { return facts_.pod_ip; }
  // The pod as it is now; ends it if it is marked for deletion. False: it is done already.
  [[nodiscard]] bool update(Json pod);
  // A ConfigMap or Secret of its namespace changed.
  void refresh_volumes();
  // It is gone from the API, or the node leaves: ends with its grace, at the latest by `end_by`,
  // and writes nothing.
  enum class Ending { kPodIsGone, kNodeLeaves };
  void end(Ending ending, SteadyTime end_by);
  bool done() const;  // Nothing of it runs, and nothing more will.

 private:
  struct Running {
    std::unique_ptr<Cgroup> cgroup;  // First: it is removed once nothing runs in it.
    std::unique_ptr<ContainerProcess> process;
    std::unique_ptr<Prober> prober;
    WallTime started_at;
    std::string kill_reason = {};
  };
  struct Inbox {
    std::optional<Json> pod;
    bool deleting = false;
    bool refresh = false;
    bool woken = false;
    std::optional<Ending> ending;
    SteadyTime end_by{};
    bool done = false;
  };

  void run(const std::stop_token& stop);
  bool take_news();  // False: end.
  void wake();
  void wait_for_news(const std::stop_token& stop, std::optional<WallTime> until);
  const Json* spec_of(const ContainerRecord& container) const;
  Result<void> prepare();
  void start_due();
  Result<void> start(std::size_t index);
  std::unique_ptr<Cgroup> limit(const Json& spec, const ContainerRecord& container, int pid) const;
  void collect_ends();
  void collect_verdicts();
  void stop_container(std::size_t index, std::chrono::milliseconds grace);
  void end_all(const std::stop_token& stop);
  bool is_hurried(const std::stop_token& stop) const;
  void tell(kube::EventType type, std::string_view reason, std::string_view message) const;
  void write_status();
  void write_substitutions();
  bool is_to_be_deleted() const;
  bool mark_done(bool deleted);
  void finish_deletion(const std::stop_token& stop);
  std::chrono::milliseconds grace() const;

  const PodSurroundings& around_;
  const std::string uid_;
  const std::string ns_;
  const PodFacts facts_;
  Json pod_;  // The thread's own, as all that follows.
  PodRecord record_;
  bool prepared_ = false;
  std::map<std::string, std::string> directories_;
  std::map<std::size_t, Running> running_;
  std::map<std::string, std::string> substitutions_;  // By container.
  Json written_;                                      // The status that was sent last.
  WallTime retry_at_{};

  mutable Mutex mutex_;
  CondVar changed_;
  Inbox inbox_ GUARDED_BY(mutex_);
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace rage::node
