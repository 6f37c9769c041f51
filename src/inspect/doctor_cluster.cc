// The doctor's checks of the installation: CRDs, the operator, webhooks.
#include <algorithm>
#include <optional>

#include "apis/schema.h"
#include "base/strings.h"
#include "inspect/detail/checks.h"
#include "inspect/detail/operator_facts.h"
#include "inspect/time.h"

namespace rage::inspect::detail {
namespace {

using namespace std::chrono_literals;

// A resource that nobody has looked at for so long will not be.
constexpr std::chrono::seconds kUnseenAfter = 30s;
constexpr const char* kInstallCrds = "kubectl apply --server-side -f deploy/crds";

bool is_established(const Json& definition) {
  const Json* condition = find_condition(definition, "Established");
  return condition == nullptr || text_at(*condition, {"status"}) == "True";
}

// "v1alpha1, v1beta1"
std::string served_versions(const Json& definition) {
  std::vector<std::string> names;
  for (const Json& version : list_at(definition, {"spec", "versions"})) {
    if (flag_at(version, {"served"})) names.push_back(text_at(version, {"name"}));
  }
  return join(names, ", ");
}

bool serves(const Json& definition, std::string_view wanted) {
  return std::ranges::any_of(list_at(definition, {"spec", "versions"}), [&](const Json& version) {
    return text_at(version, {"name"}) == wanted && flag_at(version, {"served"});
  });
}

bool is_needed(std::string_view kind) {
  return kind == "Workspace" || kind == "InferenceSet" || kind == "RAGEngine";
}

bool is_ready_pod(const Json& pod) {
  return is_condition_true(pod, "Ready");
}

std::string describe_pods(const std::vector<const Json*>& pods) {
  std::vector<std::string> names;
  for (const Json* pod : pods) {
    names.push_back(
        fmt::format("{} is {}", display_name(*pod), text_at(*pod, {"status", "phase"})));
  }
  return some_of(names);
}

// Why the service cannot answer; empty if it can, or if that cannot be told.
std::string fault_of_service(const World& world, const ObjectKey& key) {
  const auto exists = world.exists("Service", key);
  if (exists == false) return fmt::format("there is no Service {}", key.str());
  const Json* service = world.find("Service", key);
  if (service == nullptr || world.unseen.contains("pods")) return {};
  apis::StringMap selector = strings_at(*service, {"spec", "selector"});
  if (selector.empty()) return {};
  for (const Json& pod : world.of("Pod")) {
    if (text_at(pod, {"metadata", "namespace"}) == key.ns && has_labels(pod, selector) &&
        is_ready_pod(pod)) {
      return {};
    }
  }
  return fmt::format("no pod behind the Service {} is ready", key.str());
}

// Somebody waits for an operator that does not come.
const Json* find_neglected(const Examination& exam) {
  for (const Json* member : exam.members) {
    if (ready_condition(kind_of(*member)).empty()) continue;
    const auto age = time_since(text_at(*member, {"metadata", "creationTimestamp"}), exam.now);
    if (age && *age > kUnseenAfter && list_at(*member, {"status", "conditions"}).empty()) {
      return member;
    }
  }
  return nullptr;
}

void add_operator_finding(Examination& exam, std::string what, std::vector<std::string> evidence) {
  const auto pods = operator_pods(exam.world);
  const std::string ns = pods.empty() ? "NAMESPACE" : text_at(*pods[0], {"metadata", "namespace"});
  if (!pods.empty()) evidence.push_back(describe_pods(pods));
  exam.add({.cause = Cause::kOperator,
            .object = "operator",
            .what = std::move(what),
            .evidence = std::move(evidence),
            .todo = {pods.empty() ? "install or start it: rage operator --help"
                                  : fmt::format("kubectl -n {} describe pod {}", ns,
                                                text_at(*pods[0], {"metadata", "name"}))}});
}

void check_service(Examination& exam, const Json& configuration, const Reference& reference) {
  const std::string fault = fault_of_service(exam.world, reference.key);
  if (fault.empty()) return;
  const bool conversion = kind_of(configuration) == "CustomResourceDefinition";
  exam.add(
      {.cause = Cause::kWebhook,
       .object = display_name(configuration),
       .what = fmt::format("{} goes to nobody: {}",
                           conversion ? "the conversion between versions" : "admission", fault),
       .evidence = {fmt::format("{} names {}", reference.field, reference.key.str())},
       .todo = {conversion ? "start the operator's webhook, or apply CRDs without conversion"
                           : fmt::format("start the operator, or: kubectl delete "
                                         "validatingwebhookconfiguration {}",
                                         text_at(configuration, {"metadata", "name"}))}});
}

}  // namespace

std::vector<Reference> webhook_services(const Json& configuration) {
  std::vector<Reference> services;
  const auto add = [&](const Json& client, std::string field) {
    const Json& service = map_at(client, {"service"});
    if (service.empty()) return;
    services.push_back(
        {.kind = "Service",
         .key = {.ns = text_at(service, {"namespace"}), .name = text_at(service, {"name"})},
         .field = std::move(field)});
  };
  if (kind_of(configuration) == "CustomResourceDefinition") {
    if (text_at(configuration, {"spec", "group"}) != kGroup) return {};
    add(map_at(configuration, {"spec", "conversion", "webhook", "clientConfig"}),
        ".spec.conversion.webhook");
    return services;
  }
  for (const Json& webhook : list_at(configuration, {"webhooks"})) {
    const bool ours = std::ranges::any_of(list_at(webhook, {"rules"}), [](const Json& rule) {
      const Json& groups = list_at(rule, {"apiGroups"});
      return std::ranges::find(groups, Json(kGroup)) != groups.end();
    });
    if (ours) add(map_at(webhook, {"clientConfig"}), text_at(webhook, {"name"}));
  }
  return services;
}

std::vector<const Json*> operator_pods(const World& world) {
  std::vector<const Json*> pods;
  for (const Json& pod : world.of("Pod")) {
    const std::string name = text_at(pod, {"metadata", "labels", "app.kubernetes.io/name"});
    const auto runs_operator = [](const Json& container) {
      const Json& words = list_at(container, {"args"});
      return !words.empty() && words[0] == "operator";
    };
    const Json& containers = list_at(pod, {"spec", "containers"});
    // Also what upstream's charts call theirs: two operators would fight.
    if (name == "rage-operator" || name == "kaito-workspace" || name == "workspace" ||
        std::ranges::any_of(containers, runs_operator)) {
      pods.push_back(&pod);
    }
  }
  return pods;
}

void check_definitions(Examination& exam) {
  if (!exam.world.documents.contains("CustomResourceDefinition")) return;
  for (const apis::KindDescription& kind : apis::kind_descriptions()) {
    const std::string name = fmt::format("{}.{}", kind.type.plural, kind.type.group);
    const Json* definition = exam.world.find("CustomResourceDefinition", {.ns = "", .name = name});
    Finding finding{.cause = Cause::kCrds,
                    .severity = is_needed(kind.type.kind) ? Severity::kError : Severity::kWarning,
                    .object = "CustomResourceDefinition " + name,
                    .todo = {kInstallCrds}};
    if (definition == nullptr) {
      finding.what = fmt::format("is not installed: there can be no {}", kind.type.kind);
      finding.evidence = {fmt::format("the cluster has {} CRDs, none of that name",
                                      exam.world.of("CustomResourceDefinition").size())};
    } else if (!is_established(*definition)) {
      finding.severity = Severity::kError;
      finding.what = "is there, but the API server does not serve it yet";
      finding.evidence = {"its condition Established is not True"};
      finding.todo = {"kubectl describe crd " + name};
    } else if (!serves(*definition, kind.type.version)) {
      finding.severity = Severity::kError;
      finding.what = fmt::format("is of another version: the operator needs {}", kind.type.version);
      finding.evidence = {"it serves " + served_versions(*definition)};
    } else {
      continue;
    }
    exam.add(std::move(finding));
  }
}

void check_operator(Examination& exam) {
  const Json* lease = nullptr;
  for (const Json& each : exam.world.of("Lease")) {
    if (text_at(each, {"metadata", "name"}) == kOperatorLease) lease = &each;
  }
  const auto pods = operator_pods(exam.world);
  const bool runs = std::ranges::any_of(pods, [](const Json* pod) { return is_ready_pod(*pod); });
  if (lease != nullptr) {
    const std::string holder = text_at(*lease, {"spec", "holderIdentity"});
    const std::string renewed = text_at(*lease, {"spec", "renewTime"});
    const auto since = time_since(renewed, exam.now);
    const std::chrono::seconds lasts(int_at(*lease, {"spec", "leaseDurationSeconds"}, 15));
    if (!holder.empty() && since && *since <= 2 * lasts) return;
    add_operator_finding(
        exam, "no operator is at work: its Lease is not renewed",
        {holder.empty() ? fmt::format("{} has no holder", display_name(*lease))
                        : fmt::format("{} of {} was renewed {} ago", display_name(*lease), holder,
                                      human_duration(since.value_or(0s)))});
    return;
  }
  if (runs) return;
  if (!pods.empty()) {
    add_operator_finding(exam, "the operator's pods are not ready", {});
  } else if (const Json* neglected = find_neglected(exam)) {
    add_operator_finding(
        exam, "no operator seems to run: nobody has looked at new resources",
        {fmt::format("{} is {} old and has no status", display_name(*neglected),
                     age_of(text_at(*neglected, {"metadata", "creationTimestamp"}), exam.now))});
  }
}

void check_webhooks(Examination& exam) {
  for (const std::string_view kind :
       {"ValidatingWebhookConfiguration", "CustomResourceDefinition"}) {
    for (const Json& configuration : exam.world.of(kind)) {
      const std::vector<Reference> services = webhook_services(configuration);
      if (!services.empty()) check_service(exam, configuration, services.front());
      if (kind != "ValidatingWebhookConfiguration" || services.empty()) continue;
      for (const Json& webhook : list_at(configuration, {"webhooks"})) {
        if (!text_at(webhook, {"clientConfig", "caBundle"}).empty()) continue;
        exam.add({.cause = Cause::kWebhook,
                  .object = display_name(configuration),
                  .what = "has no caBundle: the API server trusts nobody to answer it, and writes "
                          "are refused",
                  .evidence = {text_at(webhook, {"name"})},
                  .todo = {"restart the operator: it puts its certificate there"}});
        break;
      }
    }
  }
}

}  // namespace rage::inspect::detail
