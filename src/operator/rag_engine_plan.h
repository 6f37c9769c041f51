// The RAGEngine controller's decision: Deployment, Service, claim, environment, status.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apis/rag_engine.h"
#include "operator/nodes.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kRagEngineFinalizer = "ragengine.finalizer.kaito.sh";

struct RagEngineObservation {
  NodeObservation nodes;  // Empty unless it asks for nodes (compute.instanceType, not BYO).
  Json deployment;        // Null if absent; likewise below.
  Json service;
  Json claim;  // The PersistentVolumeClaim it uses.
  std::vector<Json> pods;
  std::vector<Json> revision_documents;
  // With guardrails: the ConfigMap they name, or, with none named, the release namespace's
  // ragengine-guardrails-policy-template. Null if absent.
  Json guardrails_policy = {};
  // Our copy of that template in its namespace, "<name>-guardrails-policy". Null if absent.
  Json guardrails_copy = {};
};

// The PersistentVolumeClaim it uses: the one it names, or "<name>-data", which the operator makes.
// Empty without a volume.
std::string claim_name(const apis::RagEngine& engine);

Plan plan_rag_engine(const apis::RagEngine& engine, const RagEngineObservation& observed,
                     const Settings& settings, std::string_view now);

}  // namespace rage::op
