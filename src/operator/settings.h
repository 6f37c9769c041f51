// What an installation of the operator is told once: flags, environment, feature gates.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "apis/validation.h"
#include "catalog/gpu.h"

namespace rage::op {

using apis::Provisioner;

// Who follows the load of InferenceSets that ask for it (autoscale.h).
enum class Autoscaler { kOff, kNative, kKeda };

struct NodeClass {
  std::string name;
  bool is_default = false;
};

// Value. Names and defaults are upstream's.
struct Settings {
  Provisioner provisioner = Provisioner::kAzureGpu;
  catalog::Cloud cloud = catalog::Cloud::kAzure;
  std::string preset_registry = "mcr.microsoft.com/aks/kaito";  // PRESET_REGISTRY_NAME
  std::string base_image_tag = "0.5.0";
  std::string release_namespace = "kaito-workspace";  // Where the operator itself lives.
  std::string node_image_family = "ubuntu";
  std::string node_class_group = "karpenter.azure.com";
  std::string node_class_kind = "AKSNodeClass";
  std::string node_class_version = "v1beta1";
  std::vector<NodeClass> node_classes;
  // Images of our own workloads; digests in a release.
  std::string rage_image = "ghcr.io/rage/rage:latest";
  std::string llamacpp_image = "ghcr.io/rage/rage-llamacpp:latest";
  // Mirrors: what Workspaces take unless their annotations say otherwise, and what a download gets.
  std::string mirror_storage_class = {};
  std::string streaming_service_account = {};
  std::string mirror_download_cpu = "3";
  std::string mirror_download_memory = "8Gi";
  Autoscaler autoscaler = Autoscaler::kNative;
  // Where keda-kaito-scaler listens; with kKeda.
  std::string keda_scaler_address = "keda-kaito-scaler-svc.keda.svc.cluster.local:10450";
  // Gates.
  bool vllm = true;
  bool mig = false;
  bool accelerator = false;
  bool inference_extension = false;
  bool auto_upgrade = false;
  bool model_mirror = false;
  bool model_streaming = false;  // Needs model_mirror.
  bool multi_role_inference = false;
  bool upstream_estimates = false;  // compat: node counts as the original computes them.

  std::string base_image() const { return preset_registry + "/kaito-base:" + base_image_tag; }
};

}  // namespace rage::op
