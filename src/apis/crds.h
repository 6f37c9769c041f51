// CustomResourceDefinitions of every kind we serve, made from the one description in schema.cc.
// Printer columns, scale and status subresources, defaults and CEL rules are part of them.
#pragma once

#include <string>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

struct CrdOptions {
  // The conversion webhook; without it the CRDs say strategy None, which drops v1beta1-only fields
  // that pass through v1alpha1.
  bool conversion_webhook = false;
  std::string webhook_service_name;
  std::string webhook_service_namespace;
  int webhook_service_port = 9443;
  std::string ca_bundle_base64;
};

// apiextensions.k8s.io/v1 documents, in a fixed order: Workspace, InferenceSet, RAGEngine,
// ModelMirror, MultiRoleInference, AutoIndexer.
std::vector<Json> render_crds(const CrdOptions& options = {});

// What the API server does on the way in: types, required, enums, minimum, defaults. For the
// embedded API server and for tests that compare it with the real one. Fills in defaults.
// kInvalidArgument: "spec.replicas: Invalid value: -1: should be greater than or equal to 0".
Result<void> check_schema(const ResourceType& type, Json& document);

}  // namespace rage::apis
