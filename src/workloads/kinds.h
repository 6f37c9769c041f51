// The kinds that these controllers read and write, in the version they speak.
#pragma once

#include "apis/meta.h"

namespace rage::workloads {

// Value. Constant; one instance, see kinds().
struct Kinds {
  apis::ResourceType pod{"", "v1", "Pod", "pods", true};
  apis::ResourceType node{"", "v1", "Node", "nodes", false};
  apis::ResourceType service{"", "v1", "Service", "services", true};
  apis::ResourceType secret{"", "v1", "Secret", "secrets", true};
  apis::ResourceType claim{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true};
  apis::ResourceType volume{"", "v1", "PersistentVolume", "persistentvolumes", false};
  apis::ResourceType slice{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true};
  apis::ResourceType replica_set{"apps", "v1", "ReplicaSet", "replicasets", true};
  apis::ResourceType deployment{"apps", "v1", "Deployment", "deployments", true};
  apis::ResourceType stateful_set{"apps", "v1", "StatefulSet", "statefulsets", true};
  apis::ResourceType revision{"apps", "v1", "ControllerRevision", "controllerrevisions", true};
  apis::ResourceType job{"batch", "v1", "Job", "jobs", true};
  apis::ResourceType cron_job{"batch", "v1", "CronJob", "cronjobs", true};
  apis::ResourceType crd{"apiextensions.k8s.io", "v1", "CustomResourceDefinition",
                         "customresourcedefinitions", false};
  apis::ResourceType rollout{"argoproj.io", "v1alpha1", "Rollout", "rollouts", true};
  apis::ResourceType workflow{"argoproj.io", "v1alpha1", "Workflow", "workflows", true};
  apis::ResourceType workflow_template{"argoproj.io", "v1alpha1", "WorkflowTemplate",
                                       "workflowtemplates", true};
  apis::ResourceType cron_workflow{"argoproj.io", "v1alpha1", "CronWorkflow", "cronworkflows",
                                   true};
  apis::ResourceType node_claim{"karpenter.sh", "v1", "NodeClaim", "nodeclaims", false};
  apis::ResourceType certificate{"cert-manager.io", "v1", "Certificate", "certificates", true};
  apis::ResourceType external_secret{"external-secrets.io", "v1", "ExternalSecret",
                                     "externalsecrets", true};
};

inline const Kinds& kinds() {
  static const Kinds all;
  return all;
}

}  // namespace rage::workloads
