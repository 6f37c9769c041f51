// The kinds we serve, and the neighbours' kinds we read or write.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "apis/meta.h"

namespace rage::apis {

// kaito.sh, in the storage version.
const ResourceType& workspace_type();
const ResourceType& inference_set_type();
const ResourceType& rag_engine_type();
const ResourceType& model_mirror_type();
const ResourceType& multi_role_inference_type();
const ResourceType& auto_indexer_type();

// Built-in: core/v1 Pod, Node, Service, ConfigMap, PersistentVolumeClaim, Secret, Event, Namespace;
// apps/v1 StatefulSet, Deployment, ControllerRevision; batch/v1 Job, CronJob;
// coordination.k8s.io/v1 Lease; apiextensions.k8s.io/v1 CustomResourceDefinition;
// admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration; karpenter.sh/v1 NodeClaim,
// NodePool; inference.networking.k8s.io/v1 InferencePool; events.k8s.io is not used.
// Bug if unknown: kinds are literals in our code.
const ResourceType& builtin_type(std::string_view kind);

}  // namespace rage::apis
