// The doctor's checks of machines: nodes that a Workspace may run on, who holds their GPUs, and
// NodeClaims on their way.
#include <algorithm>
#include <array>
#include <map>

#include "apis/reserved_labels.h"
#include "base/strings.h"
#include "inspect/detail/checks.h"
#include "inspect/time.h"

namespace rage::inspect::detail {
namespace {

constexpr std::string_view kGpu = "nvidia.com/gpu";

int gpus_of_pod_spec(const Json& spec) {
  int gpus = 0;
  for (const Json& container : list_at(spec, {"containers"})) {
    gpus += int_at(container, {"resources", "limits", kGpu});
  }
  return gpus;
}

bool has_ended(const Json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

// What one Workspace asks of nodes.
struct Need {
  apis::StringMap labels;
  int nodes = 1;
  int gpus_per_node = 0;
  const Json* pod_spec = nullptr;  // Whose tolerations count; null: not known yet.
};

Need need_of(const Examination& exam, const Json& workspace) {
  Need need;
  const auto selector =
      apis::parse_label_selector(map_at(workspace, {"resource", "labelSelector"})).as_map();
  if (selector) need.labels = *selector;
  for (const std::string_view label : apis::kReservedLabels) need.labels.erase(std::string(label));
  need.nodes =
      int_at(workspace, {"status", "targetNodeCount"}, int_at(workspace, {"resource", "count"}, 1));
  need.nodes = std::max(need.nodes, 1);
  const std::string runtime = text_at(workspace, {"metadata", "annotations", "kaito.sh/runtime"});
  need.gpus_per_node = runtime == "llamacpp" ? 0 : 1;
  if (const Json* own = find_path(workspace, {"inference", "template", "spec"})) {
    need.gpus_per_node = gpus_of_pod_spec(*own);
    need.pod_spec = own;
  }
  for (const Json* member : exam.world.family_of(workspace)) {
    const std::string kind = kind_of(*member);
    const Json* spec = kind == "Pod" ? find_path(*member, {"spec"})
                       : kind == "StatefulSet" || kind == "Job"
                           ? find_path(*member, {"spec", "template", "spec"})
                           : nullptr;
    if (spec == nullptr) continue;
    need.pod_spec = spec;
    need.gpus_per_node = gpus_of_pod_spec(*spec);
  }
  return need;
}

bool tolerates(const Json& toleration, const Json& taint) {
  const std::string effect = text_at(toleration, {"effect"});
  if (!effect.empty() && effect != text_at(taint, {"effect"})) return false;
  const std::string key = text_at(toleration, {"key"});
  if (key.empty()) return text_at(toleration, {"operator"}) == "Exists";
  if (key != text_at(taint, {"key"})) return false;
  return text_at(toleration, {"operator"}) == "Exists" ||
         text_at(toleration, {"value"}) == text_at(taint, {"value"});
}

// The first taint that keeps the pod away, as "key=value:effect"; empty if none.
std::string refused_by_taint(const Need& need, const Json& node) {
  if (need.pod_spec == nullptr) return {};
  for (const Json& taint : list_at(node, {"spec", "taints"})) {
    const std::string key = text_at(taint, {"key"});
    const std::string effect = text_at(taint, {"effect"});
    if (effect == "PreferNoSchedule" || key.starts_with("node.kubernetes.io/")) continue;
    const auto fits = [&](const Json& toleration) { return tolerates(toleration, taint); };
    if (std::ranges::any_of(list_at(*need.pod_spec, {"tolerations"}), fits)) continue;
    const std::string value = text_at(taint, {"value"});
    return fmt::format("{}{}{}:{}", key, value.empty() ? "" : "=", value, effect);
  }
  return {};
}

struct Holdings {
  int held = 0;
  std::vector<std::string> holders;  // "default/phi-0 holds 1"
};

// GPUs on a node that pods of others have.
Holdings holdings_on(const Examination& exam, const Json& workspace, const std::string& node) {
  Holdings holdings;
  const auto own = exam.world.pods_of(workspace);
  for (const Json& pod : exam.world.of("Pod")) {
    if (text_at(pod, {"spec", "nodeName"}) != node || has_ended(pod)) continue;
    if (std::ranges::find(own, &pod) != own.end()) continue;
    const int gpus = gpus_of_pod_spec(map_at(pod, {"spec"}));
    if (gpus == 0) continue;
    holdings.held += gpus;
    holdings.holders.push_back(fmt::format("{}/{} holds {}",
                                           text_at(pod, {"metadata", "namespace"}),
                                           text_at(pod, {"metadata", "name"}), gpus));
  }
  return holdings;
}

std::string labels_text(const apis::StringMap& labels, std::string_view separator) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : labels) parts.push_back(key + "=" + value);
  return join(parts, separator);
}

// Nodes that only lack the labels: with GPUs if any are needed.
std::vector<std::string> candidates(const Examination& exam, const Need& need) {
  std::vector<std::string> names;
  for (const Json& node : exam.world.of("Node")) {
    if (has_labels(node, need.labels) || !is_condition_true(node, "Ready")) continue;
    if (int_at(node, {"status", "allocatable", kGpu}) < need.gpus_per_node) continue;
    names.push_back(text_at(node, {"metadata", "name"}));
  }
  return names;
}

// The nodes that match, sorted by what is wrong with them.
struct Faults {
  int fit = 0;
  int matching = 0;
  std::vector<std::string> not_ready;
  std::vector<std::string> refused;  // Cordoned, tainted.
  std::vector<std::string> without_gpus;
  std::vector<std::string> occupied;
  std::string first_refused;
  std::string first_not_ready;
};

Faults judge(const Examination& exam, const Json& workspace, const Need& need) {
  Faults faults;
  for (const Json& node : exam.world.of("Node")) {
    if (!need.labels.empty() && !has_labels(node, need.labels)) continue;
    ++faults.matching;
    const std::string name = text_at(node, {"metadata", "name"});
    const int gpus = int_at(node, {"status", "allocatable", kGpu});
    if (!is_condition_true(node, "Ready")) {
      const Json* ready = find_condition(node, "Ready");
      const std::string why = ready != nullptr ? text_at(*ready, {"reason"}) : "";
      faults.not_ready.push_back(
          fmt::format("{} is not ready{}{}", name, why.empty() ? "" : ": ", why));
      if (faults.first_not_ready.empty()) faults.first_not_ready = name;
    } else if (flag_at(node, {"spec", "unschedulable"})) {
      faults.refused.push_back(name + " is cordoned");
      faults.first_refused = name;
    } else if (const std::string taint = refused_by_taint(need, node); !taint.empty()) {
      faults.refused.push_back(fmt::format("{} has the taint {}", name, taint));
    } else if (gpus < need.gpus_per_node) {
      faults.without_gpus.push_back(fmt::format("{} shows {} of the {} GPUs that a pod needs", name,
                                                gpus, need.gpus_per_node));
    } else if (const Holdings holdings = holdings_on(exam, workspace, name);
               gpus - holdings.held < need.gpus_per_node) {
      faults.occupied.push_back(fmt::format("{}: {} of {} GPUs are held: {}", name, holdings.held,
                                            gpus, some_of(holdings.holders)));
    } else {
      ++faults.fit;
    }
  }
  return faults;
}

void add_fault(Examination& exam, const Json& workspace, Cause cause, std::string what,
               const std::vector<std::string>& evidence, std::vector<std::string> todo) {
  if (evidence.empty()) return;
  std::vector<std::string> shown(
      evidence.begin(),
      evidence.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(evidence.size(), 5)));
  if (shown.size() < evidence.size()) {
    shown.push_back(fmt::format("and {} more", evidence.size() - shown.size()));
  }
  exam.add({.cause = cause,
            .object = display_name(workspace),
            .what = std::move(what),
            .evidence = std::move(shown),
            .todo = std::move(todo)});
}

void tell_missing_labels(Examination& exam, const Json& workspace, const Need& need,
                         const Faults& faults) {
  const std::vector<std::string> names = candidates(exam, need);
  const std::string labels = labels_text(need.labels, " ");
  const std::string what =
      need.labels.empty()
          ? fmt::format("the cluster has {} of the {} nodes needed", faults.matching, need.nodes)
          : fmt::format("{} of the {} node{} needed {} the label{} {}", faults.matching, need.nodes,
                        need.nodes == 1 ? "" : "s", faults.matching == 1 ? "has" : "have",
                        need.labels.size() == 1 ? "" : "s", labels_text(need.labels, ", "));
  std::vector<std::string> evidence{
      names.empty() ? fmt::format("none of the cluster's other nodes is ready{}",
                                  need.gpus_per_node > 0 ? " and shows enough GPUs" : "")
                    : "these would do: " + some_of(names)};
  std::vector<std::string> todo;
  if (names.empty() || need.labels.empty()) {
    todo.emplace_back(need.gpus_per_node > 0 ? "add a node with GPUs to the cluster"
                                             : "add a node to the cluster");
  } else {
    todo.push_back(fmt::format("kubectl label node {} {}", names.front(), labels));
  }
  add_fault(exam, workspace, Cause::kNodes, what, evidence, std::move(todo));
}

void check_own_nodes(Examination& exam, const Json& workspace) {
  const Need need = need_of(exam, workspace);
  const Faults faults = judge(exam, workspace, need);
  if (faults.fit >= need.nodes) return;
  if (faults.matching < need.nodes) tell_missing_labels(exam, workspace, need, faults);
  const std::string count =
      fmt::format("{} of the {} nodes needed can be used", faults.fit, need.nodes);
  add_fault(exam, workspace, Cause::kNodes, "matching nodes are not ready; " + count,
            faults.not_ready, {"kubectl describe node " + faults.first_not_ready});
  add_fault(exam, workspace, Cause::kNodes, "matching nodes accept no such pod; " + count,
            faults.refused,
            {faults.first_refused.empty()
                 ? "kubectl taint node NAME KEY-, or give the pod template a toleration"
                 : "kubectl uncordon " + faults.first_refused});
  add_fault(exam, workspace, Cause::kGpus, "matching nodes show too few GPUs; " + count,
            faults.without_gpus, {"install the NVIDIA device plugin, or label other nodes"});
  add_fault(exam, workspace, Cause::kGpus, "the GPUs of matching nodes are in use; " + count,
            faults.occupied,
            {"delete or scale down a holder, or label another node: kubectl label node NAME " +
             labels_text(need.labels, " ")});
}

}  // namespace

void check_nodes(Examination& exam) {
  if (!exam.world.documents.contains("Node")) return;
  for (const Json* workspace : exam.of("Workspace")) {
    const bool provisioned = !text_at(*workspace, {"resource", "instanceType"}).empty();
    if (provisioned || is_ready(*workspace) == true ||
        !text_at(*workspace, {"metadata", "deletionTimestamp"}).empty()) {
      continue;
    }
    // Bound pods have their nodes.
    const auto pods = exam.world.pods_of(*workspace);
    const auto bound = std::ranges::count_if(
        pods, [](const Json* pod) { return !text_at(*pod, {"spec", "nodeName"}).empty(); });
    if (bound > 0 && bound == static_cast<std::ptrdiff_t>(pods.size())) continue;
    check_own_nodes(exam, *workspace);
  }
}

void check_node_claims(Examination& exam) {
  constexpr std::array<std::string_view, 3> kSteps{"Launched", "Registered", "Initialized"};
  for (const Json* claim : exam.of("NodeClaim")) {
    if (is_condition_true(*claim, "Ready")) continue;
    const std::string name = text_at(*claim, {"metadata", "name"});
    Finding finding{
        .cause = Cause::kNodeClaim,
        .object = display_name(*claim),
        .what = "has no conditions yet: no provisioner looks at it",
        .evidence = {fmt::format(
            "it is {} old", age_of(text_at(*claim, {"metadata", "creationTimestamp"}), exam.now))},
        .todo = {"kubectl describe nodeclaim " + name}};
    for (const std::string_view step : kSteps) {
      const Json* condition = find_condition(*claim, step);
      if (condition == nullptr || text_at(*condition, {"status"}) == "True") continue;
      finding.what = fmt::format("the machine is not {}: {}", to_lower_ascii(step),
                                 shortened(text_at(*condition, {"message"})));
      finding.evidence.push_back("reason " + text_at(*condition, {"reason"}));
      break;
    }
    exam.add(std::move(finding));
  }
}

}  // namespace rage::inspect::detail
