#include "workloads/workflow_plan.h"

#include <algorithm>
#include <map>

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"
#include "workloads/workflow_steps.h"

namespace rage::workloads {
namespace {

using namespace std::chrono_literals;
using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr const char* kWorkflowLabel = "workflows.argoproj.io/workflow";
constexpr const char* kCompletedLabel = "workflows.argoproj.io/completed";
constexpr const char* kPhaseLabel = "workflows.argoproj.io/phase";

// The first container that did not end well, in words.
std::string failure_of(const Pod& pod) {
  for (const char* list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& container : list_at(pod.document, {"status", list})) {
      const Json& ended = map_at(container, {"state", "terminated"});
      const std::int64_t code = number_at(ended, {"exitCode"});
      if (code == 0) continue;
      const std::string why = text_at(ended, {"message"}, text_at(ended, {"reason"}));
      return fmt::format("{}: Error (exit code {}){}", text_at(container, {"name"}), code,
                         why.empty() ? "" : ": " + why);
    }
  }
  return text_at(pod.document, {"status", "message"}, "the pod failed");
}

// One pass over one workflow.
class WorkflowPass final {
 public:
  explicit WorkflowPass(const WorkflowObservation& observed)
      : workflow_(observed.workflow), meta_(apis::parse_meta(workflow_)), now_(observed.now) {
    status_ = map_at(workflow_, {"status"});
    nodes_ = map_at(workflow_, {"status", "nodes"});
    phase_ = text_at(status_, {"phase"});
    spec_ = merge_workflow_specs(map_at(observed.workflow_template, {"spec"}),
                                 map_at(workflow_, {"spec"}));
    const std::string named = text_at(workflow_, {"spec", "workflowTemplateRef", "name"});
    if (!named.empty() && observed.workflow_template.is_null()) {
      missing_ = fmt::format("workflowtemplates.argoproj.io \"{}\" not found", named);
    }
    // What was started is finished as it was started, whatever became of the template.
    const Json& stored = map_at(status_, {"storedWorkflowTemplateSpec"});
    if (!stored.empty()) {
      spec_ = stored;
      missing_.clear();
    }
    for (Pod& pod : parse_pods(observed.pods)) pods_.emplace(pod.meta.name, std::move(pod));
    for (const Json& claim : observed.claims) claims_.push_back(apis::parse_meta(claim));
  }

  Plan run() {
    if (meta_.deleting) return std::move(plan_);
    if (is_over()) {
      clean_up();
      keep_for_a_while();
      return std::move(plan_);
    }
    advance();
    write_status();
    return std::move(plan_);
  }

 private:
  bool is_over() const { return phase_ == "Succeeded" || phase_ == "Failed" || phase_ == "Error"; }

  void advance() {
    if (!missing_.empty()) return end("Error", missing_);
    const auto groups = plan_steps(spec_, {.name = meta_.name, .ns = meta_.ns, .uid = meta_.uid});
    if (!groups) return end("Error", groups.error().message);
    if (phase_.empty()) {
      phase_ = "Running";
      status_["startedAt"] = render_time(now_);
      if (!map_at(workflow_, {"spec", "workflowTemplateRef"}).empty()) {
        status_["storedWorkflowTemplateSpec"] = spec_;
      }
      make_claims();
    }
    if (!find_stop().empty()) return end("Failed", find_stop());
    run_groups(*groups);
  }

  // Why it may not go on.
  std::string find_stop() {
    const std::string shutdown = text_at(workflow_, {"spec", "shutdown"});
    if (!shutdown.empty()) return "Stopped with strategy '" + shutdown + "'";
    const auto started = parse_time(text_at(status_, {"startedAt"}));
    if (find_path(spec_, {"activeDeadlineSeconds"}) == nullptr || !started) return {};
    const auto until = *started + std::chrono::seconds(number_at(spec_, {"activeDeadlineSeconds"}));
    if (until <= now_) return "Max duration limit exceeded";
    plan_.look_again(std::chrono::ceil<std::chrono::milliseconds>(until - now_));
    return {};
  }

  void run_groups(const WorkflowGroups& groups) {
    std::size_t done = 0;
    std::size_t all = 0;
    for (const auto& group : groups) all += group.size();
    const bool suspended = detail::flag_at(workflow_, {"spec", "suspend"});
    std::string failure;
    bool waiting = false;
    for (const auto& group : groups) {
      for (const WorkflowNode& node : group) {
        const std::string phase = observe(node, !suspended && failure.empty());
        if (phase == "Succeeded") {
          ++done;
        } else if (phase == "Failed") {
          if (failure.empty()) failure = text_at(nodes_, {id_of(node), "message"});
        } else {
          waiting = true;
        }
      }
      if (waiting || !failure.empty()) break;
    }
    status_["progress"] = fmt::format("{}/{}", done, all);
    if (waiting) return;  // Siblings of one that failed end by themselves.
    if (!failure.empty()) return end("Failed", failure);
    end("Succeeded", "");
  }

  std::string id_of(const WorkflowNode& node) const {
    if (node.name == meta_.name) return meta_.name;
    return fmt::format("{}-{}", meta_.name, short_hash(node.name));
  }
  std::string pod_name(const WorkflowNode& node) const {
    if (node.name == meta_.name) return meta_.name;
    const std::string prefix = (meta_.name + "-" + node.template_name).substr(0, 240);
    return fmt::format("{}-{}", prefix, short_hash(node.name));
  }

  // The node's phase now; starts it if it was not.
  std::string observe(const WorkflowNode& node, bool may_start) {
    const std::string id = id_of(node);
    const std::string before = text_at(nodes_, {id, "phase"});
    if (before == "Succeeded" || before == "Failed") return before;
    const auto found = pods_.find(pod_name(node));
    if (found == pods_.end()) {
      if (!before.empty() && before != "Pending") {
        return record(node, "Failed", "its pod was deleted", now_);
      }
      if (!may_start) return "Pending";
      create(node);
      return record(node, "Pending", "", std::nullopt);
    }
    const Pod& pod = found->second;
    if (pod.phase == "Succeeded") return record(node, "Succeeded", "", finished_at(pod));
    if (pod.phase == "Failed") return record(node, "Failed", failure_of(pod), finished_at(pod));
    return record(node, pod.phase == "Running" ? "Running" : "Pending", "", std::nullopt);
  }

  std::string record(const WorkflowNode& node, std::string phase, std::string message,
                     std::optional<WallTime> finished) {
    const std::string id = id_of(node);
    Json entry = map_at(nodes_, {id});
    entry["id"] = id;
    entry["name"] = node.name;
    entry["displayName"] = node.display_name;
    entry["type"] = "Pod";
    entry["templateName"] = node.template_name;
    entry["phase"] = phase;
    if (!entry.contains("startedAt")) entry["startedAt"] = render_time(now_);
    if (finished) entry["finishedAt"] = render_time(*finished);
    if (!message.empty()) entry["message"] = std::move(message);
    nodes_[id] = std::move(entry);
    return phase;
  }

  std::string claim_name(const Json& stated) const {
    return fmt::format("{}-{}", meta_.name, text_at(stated, {"metadata", "name"}));
  }

  void make_claims() {
    for (const Json& stated : list_at(spec_, {"volumeClaimTemplates"})) {
      Json claim = object_of(kinds().claim, {.ns = meta_.ns, .name = claim_name(stated)});
      claim["metadata"]["ownerReferences"] =
          Json::array({controller_reference(kinds().workflow, meta_)});
      claim["spec"] = map_at(stated, {"spec"});
      plan_.changes.emplace_back(CreateObject{kinds().claim, std::move(claim)});
    }
  }

  void create(const WorkflowNode& node) {
    const Json& pattern = node.pattern;
    Json pod = object_of(kinds().pod, {.ns = meta_.ns, .name = pod_name(node)});
    Json& metadata = pod["metadata"];
    metadata["labels"] = map_at(pattern, {"metadata", "labels"});
    metadata["labels"][kWorkflowLabel] = meta_.name;
    metadata["annotations"] = map_at(pattern, {"metadata", "annotations"});
    metadata["annotations"]["workflows.argoproj.io/node-name"] = node.name;
    metadata["annotations"]["workflows.argoproj.io/node-id"] = id_of(node);
    metadata["ownerReferences"] = Json::array({controller_reference(kinds().workflow, meta_)});
    Json spec = Json::object();
    spec["restartPolicy"] = "Never";
    Json container = map_at(pattern, {"container"});
    container["name"] = "main";
    spec["containers"] = Json::array({std::move(container)});
    for (const Json& sidecar : list_at(pattern, {"sidecars"})) {
      spec["containers"].push_back(sidecar);
    }
    for (const auto& [from, to] : {std::pair("initContainers", "initContainers")}) {
      if (!list_at(pattern, {from}).empty()) spec[to] = list_at(pattern, {from});
    }
    inherit(pattern, spec);
    spec["volumes"] = volumes_of(pattern);
    pod["spec"] = std::move(spec);
    plan_.changes.emplace_back(CreateObject{kinds().pod, std::move(pod)});
  }

  // The template's, else the workflow's.
  void inherit(const Json& pattern, Json& spec) const {
    for (const char* key : {"securityContext", "serviceAccountName", "nodeSelector", "affinity",
                            "tolerations", "imagePullSecrets", "hostAliases", "schedulerName",
                            "priorityClassName", "activeDeadlineSeconds"}) {
      const Json* value = find_path(pattern, {key});
      // The workflow's deadline is for all of its pods together.
      const bool own = std::string_view(key) == "activeDeadlineSeconds";
      if (value == nullptr && !own) value = find_path(spec_, {key});
      if (value != nullptr) spec[key] = *value;
    }
  }

  Json volumes_of(const Json& pattern) const {
    Json volumes = list_at(spec_, {"volumes"});
    for (const Json& volume : list_at(pattern, {"volumes"})) volumes.push_back(volume);
    for (const Json& stated : list_at(spec_, {"volumeClaimTemplates"})) {
      volumes.push_back({{"name", text_at(stated, {"metadata", "name"})},
                         {"persistentVolumeClaim", {{"claimName", claim_name(stated)}}}});
    }
    return volumes;
  }

  void end(const char* phase, const std::string& message) {
    phase_ = phase;
    if (!status_.contains("startedAt")) status_["startedAt"] = render_time(now_);
    status_["finishedAt"] = render_time(now_);
    if (!message.empty()) status_["message"] = message;
    for (const auto& [name, pod] : pods_) {
      if (pod.active()) {
        plan_.changes.emplace_back(DeleteObject{kinds().pod, pod.meta.key(), pod.meta.uid});
      }
    }
    if (phase_ == "Succeeded") {
      plan_.tell("WorkflowSucceeded", "Workflow completed");
    } else {
      plan_.warn("WorkflowFailed", message);
    }
  }

  void write_status() {
    status_["phase"] = phase_;
    if (!nodes_.empty()) status_["nodes"] = nodes_;
    Json conditions = list_at(workflow_, {"status", "conditions"});
    set_condition(conditions, {.type = "Completed", .status = is_over() ? "True" : "False"}, now_);
    status_["conditions"] = std::move(conditions);
    label();
    plan_.status = std::move(status_);
  }

  void label() {
    if (meta_.label(kPhaseLabel) == phase_) return;
    Json patch;
    patch["metadata"]["labels"] = {{kPhaseLabel, phase_},
                                   {kCompletedLabel, is_over() ? "true" : "false"}};
    plan_.changes.emplace_back(PatchObject{kinds().workflow, meta_.key(), std::move(patch)});
  }

  // --- Afterwards

  void clean_up() {
    const std::string strategy = text_at(spec_, {"podGC", "strategy"});
    const bool well = phase_ == "Succeeded";
    for (const auto& [name, pod] : pods_) {
      const bool wanted = strategy == "OnWorkflowCompletion" || strategy == "OnPodCompletion" ||
                          (strategy == "OnWorkflowSuccess" && well) ||
                          (strategy == "OnPodSuccess" && pod.phase == "Succeeded");
      if (pod.meta.deleting || (pod.finished() && !wanted)) continue;
      plan_.changes.emplace_back(DeleteObject{kinds().pod, pod.meta.key(), pod.meta.uid});
    }
    const bool always = text_at(spec_, {"volumeClaimGC", "strategy"}) == "OnWorkflowCompletion";
    if (!well && !always) return;
    for (const ObjectMeta& claim : claims_) {
      if (claim.deleting) continue;
      plan_.changes.emplace_back(DeleteObject{kinds().claim, claim.key(), claim.uid});
    }
  }

  void keep_for_a_while() {
    const Json& strategy = map_at(spec_, {"ttlStrategy"});
    const Json* seconds = find_path(
        strategy, {phase_ == "Succeeded" ? "secondsAfterSuccess" : "secondsAfterFailure"});
    if (seconds == nullptr) seconds = find_path(strategy, {"secondsAfterCompletion"});
    const auto finished = parse_time(text_at(status_, {"finishedAt"}));
    if (seconds == nullptr || !seconds->is_number_integer() || !finished) return;
    const auto until = *finished + std::chrono::seconds(seconds->get<std::int64_t>());
    if (until > now_) {
      plan_.look_again(std::chrono::ceil<std::chrono::milliseconds>(until - now_));
    } else {
      plan_.changes.emplace_back(DeleteObject{kinds().workflow, meta_.key(), meta_.uid});
    }
  }

  const Json& workflow_;
  const ObjectMeta meta_;
  const WallTime now_;
  Json status_;
  Json nodes_;
  Json spec_;
  std::string phase_;
  std::string missing_;
  std::map<std::string, Pod> pods_;
  std::vector<ObjectMeta> claims_;
  Plan plan_;
};

}  // namespace

Plan plan_workflow(const WorkflowObservation& observed) {
  return WorkflowPass(observed).run();
}

}  // namespace rage::workloads
