// PersistentVolumeClaims and the local folders behind them. Pure.
// Source: Kubernetes, "Persistent Volumes": provisioning, binding, reclaiming.
#pragma once

#include <string>
#include <vector>

#include "workloads/plan.h"

namespace rage::workloads {

struct VolumeClaimObservation {
  Json claim;
  Json volume;         // The one it is bound to or is to be; null: absent.
  std::string folder;  // Volumes are made in it, one folder each: "FOLDER/pvc-UID".
  WallTime now;
};

// Whatever its class: a volume "pvc-UID" of type hostPath is made, and both are Bound. A claim that
// names a volume waits until that exists. The size is a promise that nobody keeps.
Plan plan_volume_claim(const VolumeClaimObservation& observed);

struct VolumeObservation {
  Json volume;
  bool claim_exists = false;  // The very one it was made for.
  bool in_use = false;        // A pod that has not ended names the claim.
  std::string folder;
};

// Of a volume of ours whose claim is gone: the volume and its folder go, too, unless its reclaim
// policy is Retain (then its phase is Released). Others' volumes are left alone.
Plan plan_volume(const VolumeObservation& observed);

// "pvc-UID" of a claim.
std::string volume_name(const ObjectMeta& claim);

}  // namespace rage::workloads
