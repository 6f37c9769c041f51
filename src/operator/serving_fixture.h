// For the tests of serving*.cc: Workspaces by preset, on Azure's GPU machines.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "apis/workspace.h"
#include "catalog/catalog.h"
#include "catalog/gpu.h"
#include "operator/serving.h"

namespace rage::op {

// {"metadata": ..., "resource": ..., "inference": {"preset": ...}}, changed by `edit`.
inline Json workspace_document(std::string_view name, std::string_view preset,
                               const std::function<void(Json&)>& edit = {}) {
  Json document = {{"apiVersion", "kaito.sh/v1beta1"}, {"kind", "Workspace"}};
  document["metadata"] = {{"name", name}, {"namespace", "ml"}, {"uid", "uid-1"}};
  document["resource"]["labelSelector"]["matchLabels"] = {{"apps", name}};
  if (!preset.empty()) document["inference"]["preset"]["name"] = preset;
  if (edit) edit(document);
  return document;
}

// Owns what a ServingRequest refers to.
struct ServingFixture {
  apis::Workspace workspace;
  Settings settings;
  const catalog::Model* model = nullptr;
  catalog::GpuCapacity gpu;
  int nodes = 1;
  std::string revision = "1";
  std::string config_hash;
  std::string tuning_output_dir;
  bool nvme_class_exists = false;

  explicit ServingFixture(const Json& document,
                          std::string_view machine = "Standard_NC24ads_A100_v4") {
    auto parsed = apis::parse_workspace(document);
    EXPECT_TRUE(parsed) << parsed.error().message;
    if (parsed) workspace = *std::move(parsed);
    if (const catalog::GpuSku* sku = catalog::find_sku(machine)) gpu = catalog::capacity_of(*sku);
    if (workspace.inference && workspace.inference->preset)
      model = catalog::find_model(workspace.inference->preset->name);
    if (workspace.tuning && workspace.tuning->preset)
      model = catalog::find_model(workspace.tuning->preset->name);
  }

  ServingRequest request() const {
    return {.workspace = workspace,
            .settings = settings,
            .model = model,
            .gpu = gpu,
            .nodes = nodes,
            .node_selector = sanitized_selector(workspace.resource.label_selector),
            .revision = revision,
            .nvme_class_exists = nvme_class_exists,
            .config_hash = config_hash,
            .tuning_output_dir = tuning_output_dir};
  }
  std::string command() const { return serving_command(request()); }
  Json stateful_set(const Json& observed = nullptr) const {
    const auto set = render_stateful_set(request(), observed);
    EXPECT_TRUE(set) << set.error().message;
    return set ? *set : Json::object();
  }
  Json pod(const Json& observed = nullptr) const {
    return stateful_set(observed)["spec"]["template"]["spec"];
  }
  Json container() const { return pod()["containers"][0]; }
};

inline ServingFixture a_workspace(std::string_view preset,
                                  const std::function<void(Json&)>& edit = {},
                                  std::string_view machine = "Standard_NC24ads_A100_v4") {
  return ServingFixture(workspace_document("ws", preset, edit), machine);
}

}  // namespace rage::op
