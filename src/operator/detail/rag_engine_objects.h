// The objects that run one RAGEngine, as pure functions of values.
// Contract: KAITO's ports, labels, mount paths and environment names; the process is `rage rag`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apis/rag_engine.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op::detail {

inline constexpr std::string_view kRagEngineLabel = "kaito.sh/ragengine";
inline constexpr std::string_view kGuardrailsTemplate = "ragengine-guardrails-policy-template";
inline constexpr std::string_view kGuardrailsKey = "guardrails.yaml";
inline constexpr int kRagPort = 5000;

// GPUs its pod asks for: those of its instance type, if it embeds locally on a known GPU type.
int rag_engine_gpus(const apis::RagEngine& engine);

// The operator makes the claim: a volume was asked for and no claim named.
bool makes_claim(const apis::RagEngine& engine);
// Where the service keeps its indexes and models.
std::string mount_path_of(const apis::RagEngine& engine);

// The ConfigMap its pod mounts: the named one, or our copy of the template.
std::string guardrails_config_map(const apis::RagEngine& engine);

// core/v1 EnvVars, in a fixed order.
Json render_rag_environment(const apis::RagEngine& engine);

// apps/v1 Deployment. `node_selector`: what a node must have.
Json render_rag_deployment(const apis::RagEngine& engine, const apis::StringMap& node_selector,
                           const Settings& settings);
Json render_rag_service(const apis::RagEngine& engine);
// Without annotations: claims outlive us, and what we would say of them would grow old.
Json render_rag_claim(const apis::RagEngine& engine);
// Copy of the release's template in the engine's namespace; a pod cannot mount across namespaces.
Json render_guardrails_copy(const apis::RagEngine& engine, const Json& policy);

}  // namespace rage::op::detail
