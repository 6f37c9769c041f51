// The doctor's checks of what a resource names: Secrets, ConfigMaps, Services, other resources,
// models that need a token.
#include <algorithm>

#include "base/strings.h"
#include "catalog/catalog.h"
#include "inspect/detail/checks.h"

namespace rage::inspect::detail {
namespace {

std::string create_command(const Reference& reference) {
  if (reference.kind == "Secret") {
    return fmt::format("{} create secret generic {} --from-literal={}=VALUE",
                       kubectl_for(reference.key.ns), reference.key.name,
                       reference.entry.empty() ? "KEY" : reference.entry);
  }
  if (reference.kind == "ConfigMap") {
    return fmt::format("{} create configmap {} --from-file={}", kubectl_for(reference.key.ns),
                       reference.key.name, reference.entry.empty() ? "FILE" : reference.entry);
  }
  return fmt::format("rage get services -n {}, and correct {}", reference.key.ns, reference.field);
}

// Behind a service with a selector; true if nobody can tell.
bool has_ready_pod(const World& world, const ObjectKey& key) {
  const Json* service = world.find("Service", key);
  if (service == nullptr || world.unseen.contains("pods")) return true;
  const apis::StringMap selector = strings_at(*service, {"spec", "selector"});
  if (selector.empty()) return true;
  return std::ranges::any_of(world.of("Pod"), [&](const Json& pod) {
    return text_at(pod, {"metadata", "namespace"}) == key.ns && has_labels(pod, selector) &&
           is_condition_true(pod, "Ready");
  });
}

void check_reference(Examination& exam, const Json& object, const Reference& reference) {
  const auto found = exam.world.named.find(reference);
  if (found == exam.world.named.end()) return;  // Not looked at.
  const std::string name = fmt::format("{} {}", reference.kind, reference.key.str());
  Finding finding{.cause = Cause::kReference,
                  .object = display_name(object),
                  .evidence = {"named by " + reference.field},
                  .todo = {create_command(reference)}};
  if (!found->second) {
    finding.what = fmt::format("{} does not exist", name);
  } else if (!reference.entry.empty() && !found->second->contains(reference.entry)) {
    finding.what = fmt::format("{} has no key {}", name, reference.entry);
    std::vector<std::string> keys(found->second->begin(), found->second->end());
    finding.evidence.push_back(keys.empty() ? "it is empty" : "it has " + some_of(keys, 5));
    finding.todo = {fmt::format("{} edit {} {}", kubectl_for(reference.key.ns),
                                to_lower_ascii(reference.kind), reference.key.name)};
  } else if (reference.kind == "Service" && !has_ready_pod(exam.world, reference.key)) {
    finding.what = fmt::format("no pod behind the {} is ready to answer", name);
    finding.todo = {
        fmt::format("{} describe service {}", kubectl_for(reference.key.ns), reference.key.name)};
  } else {
    return;
  }
  // The parent that names it is told, not each of its pods.
  const std::string key =
      fmt::format("{} {} {}", reference.kind, reference.key.str(), finding.what);
  if (exam.first_time(key)) exam.add(std::move(finding));
}

struct Preset {
  std::string model;
  std::string secret;
};

Preset preset_of(const Json& object) {
  const std::string kind = kind_of(object);
  const Json& part = kind == "Workspace" ? map_at(object, {"inference", "preset"})
                     : kind == "InferenceSet"
                         ? map_at(object, {"spec", "template", "inference", "preset"})
                         : map_at(object, {"nothing"});
  if (kind == "MultiRoleInference") {
    return {.model = text_at(object, {"spec", "model", "name"}),
            .secret = text_at(object, {"spec", "model", "modelAccessSecret"})};
  }
  return {.model = text_at(part, {"name"}),
          .secret = text_at(part, {"presetOptions", "modelAccessSecret"})};
}

}  // namespace

void check_references(Examination& exam) {
  for (const Json* member : exam.members) {
    if (kind_of(*member) == "Pod" && is_condition_true(*member, "Ready")) continue;
    for (const Reference& reference : references_of(*member)) {
      check_reference(exam, *member, reference);
    }
  }
  for (const Json* indexer : exam.of("AutoIndexer")) {
    const ObjectKey engine{.ns = text_at(*indexer, {"metadata", "namespace"}),
                           .name = text_at(*indexer, {"spec", "ragEngine"})};
    if (exam.world.exists("RAGEngine", engine) != false) continue;
    exam.add({.cause = Cause::kReference,
              .object = display_name(*indexer),
              .what = fmt::format("RAGEngine {} does not exist", engine.str()),
              .evidence = {"named by .spec.ragEngine"},
              .todo = {fmt::format("rage get ragengines -n {}", engine.ns)}});
  }
}

void check_gated_models(Examination& exam) {
  for (const Json* member : exam.members) {
    const Preset preset = preset_of(*member);
    if (preset.model.empty() || !preset.secret.empty() || is_ready(*member) == true) continue;
    const catalog::Model* model = catalog::find_model(preset.model);
    if (model == nullptr || !model->gated) continue;
    const std::string ns = text_at(*member, {"metadata", "namespace"});
    if (!exam.first_time(fmt::format("gated {} {}", ns, preset.model))) continue;
    exam.add(
        {.cause = Cause::kGatedModel,
         .object = display_name(*member),
         .what = fmt::format("{} is gated: without a token that may read it, it cannot be loaded",
                             preset.model),
         .evidence = {"no modelAccessSecret is named"},
         .todo = {fmt::format("{} create secret generic hf-token --from-literal=HF_TOKEN=TOKEN",
                              kubectl_for(ns)),
                  "name it as modelAccessSecret of the preset"}});
  }
}

}  // namespace rage::inspect::detail
