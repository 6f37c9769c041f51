#include "workloads/schedule_plan.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "apis/quantity.h"
#include "base/strings.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"
#include "workloads/pods.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::number_at;
using detail::text_at;

constexpr double kTolerance = 1e-6;  // Sums of fractions.
constexpr double kPodsMax = 110;     // If a node does not say.
// Nodes, pods and claims that change wake the pod sooner; this is for what was missed.
constexpr std::chrono::seconds kRetry{30};

void add(Resources& sum, const Resources& more) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

Resources amounts(const Json& quantities) {
  Resources resources;
  for (const auto& [name, value] : quantities.items()) {
    if (const auto amount = apis::quantity_of(value)) resources[name] = *amount;
  }
  return resources;
}

// A limit without a request is a request.
Resources container_requests(const Json& container) {
  Resources wanted = amounts(map_at(container, {"resources", "limits"}));
  for (const auto& [name, amount] : amounts(map_at(container, {"resources", "requests"}))) {
    wanted[name] = amount;
  }
  return wanted;
}

bool matches_expression(const Json& expression, const apis::StringMap& values) {
  const std::string key = text_at(expression, {"key"});
  const std::string op = text_at(expression, {"operator"});
  const auto found = values.find(key);
  const bool present = found != values.end();
  if (op == "Exists") return present;
  if (op == "DoesNotExist") return !present;
  const Json& list = list_at(expression, {"values"});
  const bool listed = present && std::ranges::count(list, Json(found->second)) > 0;
  if (op == "In") return listed;
  if (op == "NotIn") return !listed;
  if ((op != "Gt" && op != "Lt") || !present || list.size() != 1) return false;
  const auto have = parse_double(found->second);
  const auto limit = parse_double(list[0].is_string() ? list[0].get<std::string>() : "");
  return have && limit && (op == "Gt" ? *have > *limit : *have < *limit);
}

bool matches_term(const Json& term, const ObjectMeta& node) {
  const Json& labels = list_at(term, {"matchExpressions"});
  const Json& fields = list_at(term, {"matchFields"});
  if (labels.empty() && fields.empty()) return false;
  const apis::StringMap field_values = {{"metadata.name", node.name}};
  return std::ranges::all_of(
             labels, [&](const Json& each) { return matches_expression(each, node.labels); }) &&
         std::ranges::all_of(
             fields, [&](const Json& each) { return matches_expression(each, field_values); });
}

bool is_selected(const Json& pod, const ObjectMeta& node) {
  for (const auto& [key, value] : map_at(pod, {"spec", "nodeSelector"}).items()) {
    if (!value.is_string() || !node.labels.contains(key) ||
        node.labels.at(key) != value.get_ref<const std::string&>()) {
      return false;
    }
  }
  const Json* required = find_path(
      pod, {"spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"});
  if (required == nullptr) return true;
  return std::ranges::any_of(list_at(*required, {"nodeSelectorTerms"}),
                             [&](const Json& term) { return matches_term(term, node); });
}

bool tolerates(const Json& toleration, const Json& taint) {
  const std::string effect = text_at(toleration, {"effect"});
  if (!effect.empty() && effect != text_at(taint, {"effect"})) return false;
  const std::string key = text_at(toleration, {"key"});
  const bool exists = text_at(toleration, {"operator"}, "Equal") == "Exists";
  if (key.empty()) return exists;
  if (key != text_at(taint, {"key"})) return false;
  return exists || text_at(toleration, {"value"}) == text_at(taint, {"value"});
}

// The first taint that keeps the pod away; null: none.
const Json* find_untolerated(const Json& pod, const Json& node) {
  for (const Json& taint : list_at(node, {"spec", "taints"})) {
    if (text_at(taint, {"effect"}) == "PreferNoSchedule") continue;
    const bool tolerated =
        std::ranges::any_of(list_at(pod, {"spec", "tolerations"}),
                            [&](const Json& each) { return tolerates(each, taint); });
    if (!tolerated) return &taint;
  }
  return nullptr;
}

struct Fit {
  std::vector<std::string> obstacles;  // Empty: it fits.
  double load = 0;                     // Of its fullest of CPU and memory, with the pod, 0 to 1.
  double pods = 0;
};

Fit judge_resources(const Resources& wanted, const Json& node, const Resources& used) {
  Fit fit;
  const Resources offered = amounts(map_at(node, {"status", "allocatable"}));
  const auto of = [](const Resources& resources, const std::string& name, double fallback) {
    const auto found = resources.find(name);
    return found == resources.end() ? fallback : found->second;
  };
  fit.pods = of(used, "pods", 0);
  if (fit.pods + 1 > of(offered, "pods", kPodsMax)) fit.obstacles.emplace_back("Too many pods");
  for (const auto& [name, amount] : wanted) {
    const double most = of(offered, name, 0);
    const double sum = of(used, name, 0) + amount;
    if (amount > 0 && sum > most + kTolerance) fit.obstacles.push_back("Insufficient " + name);
    if (most > 0 && (name == "cpu" || name == "memory")) fit.load = std::max(fit.load, sum / most);
  }
  return fit;
}

Fit judge(const Json& pod, const Resources& wanted, const Json& node, const Resources& used) {
  const ObjectMeta meta = apis::parse_meta(node);
  const auto refused = [](std::string why) { return Fit{.obstacles = {std::move(why)}}; };
  if (meta.deleting) return refused("node(s) were being deleted");
  if (detail::flag_at(node, {"spec", "unschedulable"}))
    return refused("node(s) were unschedulable");
  if (!is_selected(pod, meta)) {
    return refused("node(s) didn't match Pod's node affinity/selector");
  }
  if (const Json* taint = find_untolerated(pod, node)) {
    return refused(fmt::format("node(s) had untolerated taint {{{}: {}}}", text_at(*taint, {"key"}),
                               text_at(*taint, {"value"})));
  }
  if (!is_condition_true(node, "Ready")) return refused("node(s) were not ready");
  return judge_resources(wanted, node, used);
}

std::string explain(const std::map<std::string, int>& reasons, std::size_t nodes) {
  std::vector<std::string> parts;
  for (const auto& [reason, count] : reasons) parts.push_back(fmt::format("{} {}", count, reason));
  return fmt::format("0/{} nodes are available{}.", nodes,
                     parts.empty() ? "" : ": " + join(parts, ", "));
}

// Claims that the pod names and that do not exist.
std::optional<std::string> find_missing_claim(const ScheduleObservation& observed) {
  for (const Json& volume : list_at(observed.pod, {"spec", "volumes"})) {
    const std::string claim = text_at(volume, {"persistentVolumeClaim", "claimName"});
    if (!claim.empty() && std::ranges::count(observed.claims, claim) == 0) return claim;
  }
  return std::nullopt;
}

Json status_with(const ScheduleObservation& observed, const char* status, const char* reason,
                 std::string message) {
  Json next = map_at(observed.pod, {"status"});
  Json conditions = list_at(next, {"conditions"});
  set_condition(
      conditions,
      {.type = "PodScheduled", .status = status, .reason = reason, .message = std::move(message)},
      observed.now);
  next["conditions"] = std::move(conditions);
  return next;
}

Plan cannot(const ScheduleObservation& observed, std::string message) {
  Plan plan;
  const Json* before =
      find_condition(list_at(observed.pod, {"status", "conditions"}), "PodScheduled");
  if (before == nullptr || codec::string_or(*before, "message", "") != message) {
    plan.warn("FailedScheduling", message);
  }
  plan.status = status_with(observed, "False", "Unschedulable", std::move(message));
  plan.look_again(kRetry);
  return plan;
}

// What the pod garbage collector does: a node that does not exist ends no pod.
Plan give_up(const Pod& pod, const ScheduleObservation& observed) {
  Plan plan;
  Json status = map_at(observed.pod, {"status"});
  status["phase"] = "Failed";
  status["reason"] = "NodeLost";
  status["message"] = fmt::format("node {} does not exist any more", pod.node);
  Json patch;
  patch["status"] = merge_patch_of(map_at(observed.pod, {"status"}), status);
  plan.changes.emplace_back(PatchObject{kinds().pod, pod.meta.key(), std::move(patch), "status"});
  plan.changes.emplace_back(DeleteObject{kinds().pod, pod.meta.key(), pod.meta.uid});
  return plan;
}

// The condition first: from the moment that the pod is bound, its status is the node's to write.
Plan assign(const Pod& pod, const ScheduleObservation& observed, const std::string& node) {
  Plan plan;
  const Json status = status_with(observed, "True", "", "");
  Json told;
  told["status"] = merge_patch_of(map_at(observed.pod, {"status"}), status);
  plan.changes.emplace_back(PatchObject{kinds().pod, pod.meta.key(), std::move(told), "status"});
  Json bound;
  bound["metadata"]["uid"] = pod.meta.uid;
  bound["spec"]["nodeName"] = node;
  plan.changes.emplace_back(PatchObject{kinds().pod, pod.meta.key(), std::move(bound)});
  plan.tell("Scheduled", fmt::format("Successfully assigned {} to {}", pod.meta.key().str(), node));
  return plan;
}

}  // namespace

Resources requests_of(const Json& pod) {
  Resources sum;
  for (const Json& container : list_at(pod, {"spec", "containers"})) {
    add(sum, container_requests(container));
  }
  Resources sidecars;
  Resources initial;
  for (const Json& container : list_at(pod, {"spec", "initContainers"})) {
    Resources one = container_requests(container);
    if (text_at(container, {"restartPolicy"}) == "Always") {
      add(sidecars, one);
      continue;
    }
    add(one, sidecars);
    for (const auto& [name, amount] : one) initial[name] = std::max(initial[name], amount);
  }
  add(sum, sidecars);
  for (const auto& [name, amount] : initial) sum[name] = std::max(sum[name], amount);
  add(sum, amounts(map_at(pod, {"spec", "overhead"})));
  return sum;
}

Plan plan_schedule(const ScheduleObservation& observed) {
  const Pod pod = parse_pod(observed.pod);
  if (pod.finished()) return {};
  if (!pod.node.empty()) {
    const bool exists = std::ranges::any_of(observed.nodes, [&](const Json& node) {
      return text_at(node, {"metadata", "name"}) == pod.node;
    });
    return exists ? Plan() : give_up(pod, observed);
  }
  const bool ours =
      text_at(observed.pod, {"spec", "schedulerName"}, "default-scheduler") == "default-scheduler";
  if (!ours || pod.meta.deleting || !list_at(observed.pod, {"spec", "schedulingGates"}).empty()) {
    return {};
  }
  if (const auto claim = find_missing_claim(observed)) {
    return cannot(observed, fmt::format("0/{} nodes are available: persistentvolumeclaim \"{}\" "
                                        "not found.",
                                        observed.nodes.size(), *claim));
  }
  const Resources wanted = requests_of(observed.pod);
  const Resources none;
  std::map<std::string, int> reasons;
  std::optional<std::tuple<double, double, std::string>> best;
  for (const Json& node : observed.nodes) {
    const std::string name = text_at(node, {"metadata", "name"});
    const auto used = observed.used.find(name);
    const Fit fit =
        judge(observed.pod, wanted, node, used == observed.used.end() ? none : used->second);
    for (const std::string& obstacle : fit.obstacles) ++reasons[obstacle];
    if (!fit.obstacles.empty()) continue;
    std::tuple candidate(fit.load, fit.pods, name);
    if (!best || candidate < *best) best = std::move(candidate);
  }
  if (!best) return cannot(observed, explain(reasons, observed.nodes.size()));
  return assign(pod, observed, std::get<2>(*best));
}

}  // namespace rage::workloads
