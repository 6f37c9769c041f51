#include "node/pod_worker.h"

#include <algorithm>
#include <utility>

#include "apis/kinds.h"
#include "base/files.h"
#include "base/strings.h"
#include "node/node_agent.h"
#include "obs/log.h"

namespace rage::node {
namespace {

using namespace std::chrono_literals;
using codec::find_key;
using codec::number_or;
using codec::string_or;

constexpr auto kRetry = 2s;        // After something that was missing, or a write that failed.
constexpr auto kImageRetry = 30s;  // A program may have been installed.
constexpr auto kStatusWriteTimeout = 10s;
constexpr double kGraceSeconds = 30;
constexpr int kKilled = 137;  // By SIGKILL, or a shell whose program was.

const kube::ResourceType& pods() {
  return apis::builtin_type("Pod");
}

Termination termination_of(const ExitStatus& status, WallTime started, WallTime now,
                           const std::string& killed_because, bool out_of_memory) {
  Termination end{.code = status.code, .started_at = started, .finished_at = now};
  end.reason = status.code == 0 ? "Completed" : "Error";
  if (out_of_memory && status.code == kKilled) {
    end.reason = "OOMKilled";
    end.message = "it wanted more memory than resources.limits.memory";
  } else if (!killed_because.empty()) {
    end.message = killed_because;
  } else if (status.signal) {
    end.message = describe(status);
  }
  return end;
}

// Of our API server and the real one alike: a number that only grows.
std::uint64_t version_of(const Json& pod) {
  return parse_uint(apis::parse_meta(pod).resource_version).value_or(0);
}

}  // namespace

void complete_environment(const PodSurroundings& around, const Json& pod,
                          const ContainerRequest& request, Environment& environment) {
  const apis::ObjectMeta meta = apis::parse_meta(pod);
  const auto set_default = [&](std::string_view name, std::string value) {
    if (value_of(environment, name).empty()) set_value(environment, name, std::move(value));
  };
  const std::string own = around.paths.pod(meta.uid).string();
  std::string tmp = own + "/tmp";
  for (const Mount& mount : request.mounts) {
    if (mount.container_path == "/tmp") tmp = mount.host_path;
  }
  for (const auto& [name, value] : around.environment) set_default(name, value);
  set_default("HOME", own);
  set_default("TMPDIR", tmp);
  set_default("HOSTNAME", meta.name);
  const std::string run = (around.paths.data / "run").string();
  set_default("CURL_HOME", run + "/curl/" + meta.ns);
  set_value(environment, "RAGE_POD_IP", request.pod_ip);
  set_value(environment, "RAGE_NAMESPACE", meta.ns);
  set_value(environment, "RAGE_POD_UID", meta.uid);
  set_value(environment, "RAGE_NODE_DATA", around.paths.data.string());
  set_value(environment, "RAGE_SERVICES_FILE", around.paths.services_file().string());
  set_value(environment, "RAGE_MOUNTS", render_mounts(request.mounts));
}

PodWorker::PodWorker(const PodSurroundings& around, Json pod, PodFacts facts)
    : around_(around),
      uid_(apis::parse_meta(pod).uid),
      ns_(apis::parse_meta(pod).ns),
      facts_(std::move(facts)),
      pod_(std::move(pod)),
      record_(record_of(pod_, around.clock.wall_now())) {
  {
    MutexLock lock(mutex_);
    inbox_.deleting = apis::parse_meta(pod_).deleting;
  }
  thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

PodWorker::~PodWorker() {
  thread_.request_stop();
  wake();
}

bool PodWorker::update(Json pod) {
  MutexLock lock(mutex_);
  if (inbox_.done) return false;
  inbox_.deleting = inbox_.deleting || apis::parse_meta(pod).deleting;
  inbox_.pod = std::move(pod);
  inbox_.woken = true;
  changed_.notify_all();
  return true;
}

void PodWorker::refresh_volumes() {
  MutexLock lock(mutex_);
  inbox_.refresh = true;
  inbox_.woken = true;
  changed_.notify_all();
}

void PodWorker::end(Ending ending, SteadyTime end_by) {
  MutexLock lock(mutex_);
  inbox_.end_by = inbox_.ending ? std::min(inbox_.end_by, end_by) : end_by;
  inbox_.ending = ending;
  inbox_.woken = true;
  changed_.notify_all();
}

bool PodWorker::done() const {
  MutexLock lock(mutex_);
  return inbox_.done;
}

void PodWorker::wake() {
  MutexLock lock(mutex_);
  inbox_.woken = true;
  changed_.notify_all();
}

std::chrono::milliseconds PodWorker::grace() const {
  const Json* metadata = find_key(pod_, "metadata");
  const Json* spec = find_key(pod_, "spec");
  double seconds = spec ? number_or(*spec, "terminationGracePeriodSeconds", kGraceSeconds) : 0;
  if (metadata != nullptr) seconds = number_or(*metadata, "deletionGracePeriodSeconds", seconds);
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::clamp(seconds, 0.0, 3600.0) * 1000));
}

const Json* PodWorker::spec_of(const ContainerRecord& container) const {
  const bool main = container.role == ContainerRecord::Role::kMain;
  const Json* spec = find_key(pod_, "spec");
  if (spec == nullptr) return nullptr;
  for (const Json& each : items_of(*spec, main ? "containers" : "initContainers")) {
    if (string_or(each, "name", "") == container.name) return &each;
  }
  return nullptr;
}

void PodWorker::run(const std::stop_token& stop) {
  while (!stop.stop_requested() && take_news()) {
    collect_ends();
    collect_verdicts();
    start_due();
    write_status();
    if (is_over(record_) && retry_at_ == WallTime{}) break;
    const NextStarts next = next_starts(record_, around_.clock.wall_now());
    std::optional<WallTime> until = next.wake_at;
    if (retry_at_ != WallTime{} && (!until || retry_at_ < *until)) until = retry_at_;
    wait_for_news(stop, until);
  }
  const bool had_sidecars = is_over(record_) && !running_.empty();
  end_all(stop);
  if (had_sidecars) write_status();
  bool deleted = false;
  while (!mark_done(deleted)) {
    finish_deletion(stop);
    deleted = true;
  }
}

// False: it is to be deleted first.
bool PodWorker::mark_done(bool deleted) {
  MutexLock lock(mutex_);
  if (inbox_.deleting && !inbox_.ending && !deleted) return false;
  inbox_.done = true;
  return true;
}

bool PodWorker::is_to_be_deleted() const {
  MutexLock lock(mutex_);
  return inbox_.deleting && !inbox_.ending;
}

bool PodWorker::take_news() {
  MutexLock lock(mutex_);
  inbox_.woken = false;
  if (inbox_.pod) {
    // What we wrote may not have come round yet: an older state must not undo it.
    const bool older = version_of(*inbox_.pod) < version_of(pod_);
    if (!older) pod_ = std::move(*inbox_.pod);
    inbox_.pod.reset();
  }
  if (std::exchange(inbox_.refresh, false)) prepared_ = false;
  return !inbox_.deleting && !inbox_.ending;
}

void PodWorker::wait_for_news(const std::stop_token& stop, std::optional<WallTime> until) {
  const auto limit = until ? std::max(std::chrono::nanoseconds(0),
                                      std::chrono::nanoseconds(*until - around_.clock.wall_now()))
                           : std::chrono::nanoseconds(1h);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  MutexLock lock(mutex_);
  while (!inbox_.woken && !stop.stop_requested()) {
    if (changed_.wait_until(mutex_, deadline) == std::cv_status::timeout) return;
  }
}

Result<void> PodWorker::prepare() {
  if (prepared_) return {};
  ASSIGN_OR_RETURN(const auto volumes, plan_volumes(pod_, facts_, around_.paths, around_.find));
  RETURN_IF_ERROR(make_volumes(volumes));
  RETURN_IF_ERROR(ensure_directory(around_.paths.pod(uid_) / "tmp"));
  directories_ = directories_of(volumes);
  prepared_ = true;
  return {};
}

void PodWorker::start_due() {
  const WallTime now = around_.clock.wall_now();
  if (!running_.empty()) {
    if (const auto refreshed = prepare(); !refreshed) {
      obs::log().warn(
          "volumes of a pod could not be refreshed",
          {{"pod", apis::parse_meta(pod_).key().str()}, {"error", refreshed.error().message}});
    }
  }
  for (const std::size_t index : next_starts(record_, now).containers) {
    const Result<void> begun = start(index);
    if (begun) continue;
    const Error& error = begun.error();
    const bool image = error.code == ErrorCode::kUnimplemented;
    tell(kube::EventType::kWarning, "Failed", error.message);
    record_refusal(record_, index, image ? "ErrImageNeverPull" : "CreateContainerConfigError",
                   error.message, now + (image ? kImageRetry : kRetry));
  }
}

Result<void> PodWorker::start(std::size_t index) {
  ContainerRecord& container = record_.containers[index];
  const Json* spec = spec_of(container);
  if (spec == nullptr) return fail(ErrorCode::kInternal, "no container {}", container.name);
  RETURN_IF_ERROR(prepare());
  ASSIGN_OR_RETURN(const ContainerRequest request,
                   container_request(pod_, *spec, facts_, around_.find, directories_));
  ASSIGN_OR_RETURN(ProcessPlan plan, plan_process(request, around_.images));
  complete_environment(around_, pod_, request, plan.environment);
  set_value(plan.environment, "RAGE_CONTAINER", container.name);
  if (plan.working_directory.empty() || !std::filesystem::is_directory(plan.working_directory)) {
    plan.working_directory = around_.paths.pod(uid_).string();
  }
  ASSIGN_OR_RETURN(ProbeSet probes, parse_probes(*spec, plan, facts_.pod_ip, request.mounts));
  ASSIGN_OR_RETURN(LogWriter log,
                   LogWriter::open(log_directory(around_.paths, uid_, container.name),
                                   container.runs, around_.logs));
  const WallTime now = around_.clock.wall_now();
  ASSIGN_OR_RETURN(auto process, ContainerProcess::start(plan, std::move(log), [this] { wake(); }));
  auto cgroup = limit(*spec, container, process->pid());
  if (!plan.substitution.empty()) substitutions_[container.name] = plan.substitution;
  write_substitutions();
  record_start(record_, index, process->pid(), now);
  tell(kube::EventType::kNormal, "Started",
       fmt::format("Started container {} as process {}", container.name, process->pid()));
  auto prober = std::make_unique<Prober>(std::move(probes), plan.environment, around_.probes,
                                         around_.clock, [this] { wake(); });
  const ProbeVerdict verdict = prober->verdict();
  container.started = verdict.started;
  container.ready = verdict.ready;
  running_[index] = Running{.cgroup = std::move(cgroup),
                            .process = std::move(process),
                            .prober = std::move(prober),
                            .started_at = now};
  return {};
}

// Null: it has no limits, or they cannot be kept, which an event says.
std::unique_ptr<Cgroup> PodWorker::limit(const Json& spec, const ContainerRecord& container,
                                         int pid) const {
  const ContainerLimits limits = limits_of(spec);
  if (around_.cgroups == nullptr || !limits.any()) return nullptr;
  auto cgroup =
      around_.cgroups->make(fmt::format("{}-{}-{}", uid_, container.name, container.runs), limits);
  const Result<void> added = cgroup ? (*cgroup)->add(pid) : fail(cgroup.error());
  if (added) return *std::move(cgroup);
  tell(kube::EventType::kWarning, "LimitsNotEnforced",
       fmt::format("{} runs without its limits: {}", container.name, added.error().message));
  return nullptr;
}

void PodWorker::collect_ends() {
  for (auto each = running_.begin(); each != running_.end();) {
    const auto status = each->second.process->exit_status();
    if (!status) {
      ++each;
      continue;
    }
    const Running& ended = each->second;
    const bool out_of_memory = ended.cgroup != nullptr && ended.cgroup->killed_for_memory();
    record_end(record_, each->first,
               termination_of(*status, ended.started_at, around_.clock.wall_now(),
                              ended.kill_reason, out_of_memory),
               around_.delays);
    const ContainerRecord& container = record_.containers[each->first];
    if (container.reason == "CrashLoopBackOff") {
      tell(kube::EventType::kWarning, "BackOff", container.message);
    }
    each = running_.erase(each);
  }
}

void PodWorker::collect_verdicts() {
  std::vector<std::size_t> unhealthy;
  for (auto& [index, running] : running_) {
    const ProbeVerdict verdict = running.prober->verdict();
    ContainerRecord& container = record_.containers[index];
    container.started = verdict.started;
    container.ready = verdict.ready;
    if (verdict.kill_reason.empty()) continue;
    running.kill_reason = verdict.kill_reason;
    tell(kube::EventType::kWarning, "Unhealthy", verdict.kill_reason);
    unhealthy.push_back(index);
  }
  for (const std::size_t index : unhealthy) stop_container(index, grace());
  if (!unhealthy.empty()) collect_ends();
}

void PodWorker::stop_container(std::size_t index, std::chrono::milliseconds limit) {
  const auto found = running_.find(index);
  if (found == running_.end()) return;
  found->second.prober.reset();
  found->second.process->terminate(limit);
  // Its output is copied to the end by a thread of its own.
  while (!found->second.process->exit_status()) around_.clock.sleep_for(1ms, {});
  found->second.prober =
      std::make_unique<Prober>(ProbeSet{}, Environment{}, around_.probes, around_.clock, [] {});
}

// The main ones first, all at once: sidecars serve them until they end.
void PodWorker::end_all(const std::stop_token& stop) {
  const auto limit = grace();
  for (const bool main : {true, false}) {
    std::vector<ContainerProcess*> ending;
    std::vector<std::jthread> stopping;
    for (auto& [index, running] : running_) {
      const bool is_main = record_.containers[index].role == ContainerRecord::Role::kMain;
      if (is_main != main) continue;
      running.prober.reset();
      ContainerProcess* process = running.process.get();
      ending.push_back(process);
      stopping.emplace_back([process, limit] { process->terminate(limit); });
    }
    while (std::ranges::any_of(ending, [](auto* each) { return !each->exit_status(); })) {
      if (is_hurried(stop)) {
        for (ContainerProcess* process : ending) process->terminate(0ms);
      }
      around_.clock.sleep_for(5ms, {});
    }
  }
  const WallTime now = around_.clock.wall_now();
  for (auto& [index, running] : running_) {
    ContainerRecord& container = record_.containers[index];
    container.last =
        termination_of(*running.process->exit_status(), running.started_at, now, {}, false);
    container.state = ContainerRecord::State::kTerminated;
    container.ready = container.started = false;
  }
  running_.clear();
}

bool PodWorker::is_hurried(const std::stop_token& stop) const {
  MutexLock lock(mutex_);
  return stop.stop_requested() || (inbox_.ending && around_.clock.now() >= inbox_.end_by);
}

void PodWorker::tell(kube::EventType type, std::string_view reason,
                     std::string_view message) const {
  around_.events.record({.type = pods(), .key = apis::parse_meta(pod_).key(), .uid = uid_}, type,
                        reason, message);
}

void PodWorker::write_status() {
  const WallTime now = around_.clock.wall_now();
  retry_at_ = {};
  Json status = render_status(pod_, record_, facts_, now);
  if (status == written_) return;
  const apis::ObjectMeta meta = apis::parse_meta(pod_);
  const Json patch = {{"metadata", {{"uid", uid_}}}, {"status", status}};
  const auto sent = around_.client.patch(Context::with_timeout(kStatusWriteTimeout), pods(),
                                         meta.key(), kube::PatchType::kMerge, patch, "status");
  if (sent) {
    written_ = std::move(status);
    pod_ = *sent;
    return;
  }
  const bool gone = sent.error().code == ErrorCode::kNotFound || kube::is_conflict(sent.error());
  if (gone) return;  // The informer will say so.
  retry_at_ = now + kRetry;
  obs::log().warn("status of a pod could not be written",
                  {{"pod", meta.key().str()}, {"error", sent.error().message}});
}

void PodWorker::write_substitutions() {
  std::string text;
  for (const auto& [container, each] : substitutions_) text += (text.empty() ? "" : "; ") + each;
  const apis::ObjectMeta meta = apis::parse_meta(pod_);
  if (meta.annotation(kSubstitutedModel) == text) return;
  const Json patch = {{"metadata", {{"uid", uid_}, {"annotations", {{kSubstitutedModel, text}}}}}};
  const auto sent = around_.client.patch(Context::with_timeout(kStatusWriteTimeout), pods(),
                                         meta.key(), kube::PatchType::kMerge, patch);
  if (sent) {
    pod_ = *sent;
    return;
  }
  obs::log().warn("a substituted model could not be stated on its pod",
                  {{"pod", meta.key().str()}, {"error", sent.error().message}});
}

// A pod that is over is deleted for good; one that only waits for its node would stay.
void PodWorker::finish_deletion(const std::stop_token& stop) {
  for (ContainerRecord& container : record_.containers) {
    if (container.state == ContainerRecord::State::kTerminated) continue;
    const WallTime now = around_.clock.wall_now();
    container.state = ContainerRecord::State::kTerminated;
    container.last =
        container.last.value_or(Termination{.code = 137,
                                            .reason = "ContainerStatusUnknown",
                                            .message = "the pod was deleted before it ran",
                                            .started_at = now,
                                            .finished_at = now});
  }
  if (!is_over(record_)) record_.failure_reason = "Terminated";
  const apis::ObjectMeta meta = apis::parse_meta(pod_);
  while (!stop.stop_requested()) {
    write_status();
    if (retry_at_ == WallTime{}) {
      const auto removed = around_.client.remove(Context::with_timeout(kStatusWriteTimeout), pods(),
                                                 meta.key(), {.uid = uid_});
      if (removed || kube::is_conflict(removed.error())) return;
    }
    if (!is_to_be_deleted()) return;
    around_.clock.sleep_for(kRetry, stop);
  }
}

}  // namespace rage::node
