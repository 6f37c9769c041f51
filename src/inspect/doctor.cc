#include "inspect/doctor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/strings.h"
#include "inspect/detail/checks.h"
#include "inspect/detail/wrap.h"
#include "inspect/gather.h"

namespace rage::inspect {
namespace {

using detail::Examination;

// "2 workspaces, 5 pods": what was looked at, so that "all well" says what is well.
std::vector<std::string> count_members(const Examination& exam) {
  std::map<std::string, int> counts;
  for (const Json* member : exam.members) {
    const std::string kind = kind_of(*member);
    if (!ready_condition(kind).empty() || kind == "Pod" || kind == "NodeClaim") ++counts[kind];
  }
  std::vector<std::string> checked;
  for (const auto& [kind, count] : counts) {
    checked.push_back(fmt::format("{} {}{}", count, kind, count == 1 ? "" : "s"));
  }
  const std::size_t nodes = exam.world.of("Node").size();
  if (nodes > 0) checked.push_back(fmt::format("{} Node{}", nodes, nodes == 1 ? "" : "s"));
  for (const auto& [kind, what] :
       {std::pair("CustomResourceDefinition", "CRDs"), std::pair("Lease", "the operator"),
        std::pair("ValidatingWebhookConfiguration", "webhooks")}) {
    if (exam.world.documents.contains(kind)) checked.emplace_back(what);
  }
  return checked;
}

// Errors first; of one cause in the order they were found.
std::vector<Finding> by_cause(std::vector<Finding> findings) {
  std::vector<Finding> sorted;
  sorted.reserve(findings.size());
  std::vector<std::size_t> order(findings.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::tuple(findings[i].severity, findings[i].cause, i);
  });
  for (const std::size_t i : order) sorted.push_back(std::move(findings[i]));
  return sorted;
}

std::string painted(std::string_view text, std::string_view code, Colour colour) {
  if (colour == Colour::kNever) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

// Those named, or all objects of our kinds.
Result<std::vector<const Json*>> find_subjects(const Context& context, const Cluster& cluster,
                                               const std::vector<NamedObject>& named,
                                               const World& world) {
  std::vector<const Json*> subjects;
  for (const NamedObject& object : named) {
    const kube::ObjectKey key = key_for(cluster, object.kind, object.name);
    const Json* found = world.find(object.kind.type.kind, key);
    if (found == nullptr) {
      // Not there, or of another kind: the server knows which.
      ASSIGN_OR_RETURN(const Json other, cluster.client.get(context, object.kind.type, key));
      return fail(ErrorCode::kInvalidArgument,
                  "doctor looks at Workspaces, InferenceSets, RAGEngines and their like, at "
                  "workloads and pods; see `rage describe {}`",
                  argument_of(other));
    }
    subjects.push_back(found);
  }
  if (!named.empty()) return subjects;
  for (const auto& [kind, list] : world.documents) {
    if (ready_condition(kind).empty()) continue;
    for (const Json& object : list) subjects.push_back(&object);
  }
  return subjects;
}

}  // namespace

std::string_view name_of(Cause cause) {
  switch (cause) {
    case Cause::kCrds:
      return "crds";
    case Cause::kOperator:
      return "operator";
    case Cause::kWebhook:
      return "webhook";
    case Cause::kReference:
      return "reference";
    case Cause::kGatedModel:
      return "gated-model";
    case Cause::kNodes:
      return "nodes";
    case Cause::kGpus:
      return "gpus";
    case Cause::kNodeClaim:
      return "node-claim";
    case Cause::kQuota:
      return "quota";
    case Cause::kVolume:
      return "volume";
    case Cause::kScheduling:
      return "scheduling";
    case Cause::kImage:
      return "image";
    case Cause::kStart:
      return "start";
    case Cause::kMemory:
      return "memory";
    case Cause::kCrash:
      return "crash";
    case Cause::kProbe:
      return "probe";
    case Cause::kRollout:
      return "rollout";
    case Cause::kDeletion:
      return "deletion";
    case Cause::kCondition:
      return "condition";
  }
  return "";
}

bool Diagnosis::well() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::kError; });
}

Diagnosis diagnose(const World& world, const std::vector<const Json*>& subjects, WallTime now) {
  Examination exam{.world = world, .now = now};
  std::set<const Json*> seen;
  for (const Json* subject : subjects) {
    for (const Json* member : world.family_of(*subject)) {
      if (seen.insert(member).second) exam.members.push_back(member);
    }
  }
  for (const auto& check :
       {detail::check_definitions, detail::check_operator, detail::check_webhooks,
        detail::check_references, detail::check_gated_models, detail::check_nodes,
        detail::check_node_claims, detail::check_quota, detail::check_volumes, detail::check_pods,
        detail::check_rollouts, detail::check_deletions, detail::check_conditions}) {
    check(exam);
  }
  Diagnosis diagnosis{.findings = by_cause(std::move(exam.findings)),
                      .checked = count_members(exam)};
  for (const auto& [what, why] : world.unseen) diagnosis.unseen.push_back(what + ": " + why);
  return diagnosis;
}

std::string render_diagnosis(const Diagnosis& diagnosis, Colour colour) {
  std::string out;
  const std::string checked = join(diagnosis.checked, ", ");
  if (diagnosis.findings.empty()) {
    out += fmt::format("{} ({})\n", painted("all well", "32", colour), checked);
  }
  int number = 0;
  for (const Finding& finding : diagnosis.findings) {
    const bool error = finding.severity == Severity::kError;
    out += fmt::format(
        "{}. {} {}\n", ++number,
        painted(fmt::format("{} [{}]", error ? "error" : "warning", name_of(finding.cause)),
                error ? "31" : "33", colour),
        finding.object);
    out += detail::wrapped(finding.what, 3, detail::kColumns);
    for (const std::string& line : finding.evidence) {
      out += detail::wrapped("- " + line, 3, detail::kColumns);
    }
    for (const std::string& line : finding.todo) {
      out += fmt::format("   {} {}\n", painted("->", "36", colour), line);
    }
  }
  if (!diagnosis.findings.empty()) out += fmt::format("checked: {}\n", checked);
  for (const std::string& line : diagnosis.unseen) {
    out += fmt::format("not checked, {}\n", line);
  }
  return out;
}

Json diagnosis_json(const Diagnosis& diagnosis) {
  Json findings = Json::array();
  for (const Finding& finding : diagnosis.findings) {
    findings.push_back({{"cause", name_of(finding.cause)},
                        {"severity", finding.severity == Severity::kError ? "error" : "warning"},
                        {"object", finding.object},
                        {"what", finding.what},
                        {"evidence", finding.evidence},
                        {"todo", finding.todo}});
  }
  return {{"well", diagnosis.well()},
          {"findings", std::move(findings)},
          {"checked", diagnosis.checked},
          {"unseen", diagnosis.unseen}};
}

Result<Diagnosis> examine(const Context& context, const Cluster& cluster,
                          const std::vector<std::string>& arguments) {
  std::vector<NamedObject> named;
  std::optional<Error> unknown;
  std::string ns = cluster.ns;
  if (!arguments.empty()) {
    ASSIGN_OR_RETURN(const Kinds kinds, discover(context, cluster.client));
    auto parsed = parse_named(kinds, arguments);
    if (parsed) {
      named = *std::move(parsed);
    } else if (parsed.error().code == ErrorCode::kNotFound) {
      unknown = std::move(parsed).error();  // Its CRD may be what is missing.
    } else {
      return fail(std::move(parsed).error());
    }
  }
  // What belongs to a cluster's own object is in any namespace.
  for (const NamedObject& object : named) {
    if (!object.kind.type.namespaced) ns.clear();
  }
  ASSIGN_OR_RETURN(World world, gather(context, cluster.client, ns, Scope::kDoctor));
  if (unknown) {
    Diagnosis diagnosis = diagnose(world, {}, cluster.clock.wall_now());
    return diagnosis.well() ? Result<Diagnosis>(fail(*std::move(unknown))) : diagnosis;
  }
  ASSIGN_OR_RETURN(const auto subjects, find_subjects(context, cluster, named, world));
  std::vector<const Json*> members;
  for (const Json* subject : subjects) {
    for (const Json* member : world.family_of(*subject)) members.push_back(member);
  }
  RETURN_IF_ERROR(gather_named(context, cluster.client, members, world));
  return diagnose(world, subjects, cluster.clock.wall_now());
}

}  // namespace rage::inspect
