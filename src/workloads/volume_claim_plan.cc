#include "workloads/volume_claim_plan.h"

#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

using detail::list_at;
using detail::map_at;
using detail::text_at;

constexpr const char* kProvisioner = "rage.dev/local";
constexpr const char* kProvisionedBy = "pv.kubernetes.io/provisioned-by";

Json new_volume(const VolumeClaimObservation& observed, const ObjectMeta& meta) {
  const Json& claim = observed.claim;
  const std::string name = volume_name(meta);
  Json volume = object_of(kinds().volume, {.ns = "", .name = name});
  volume["metadata"]["annotations"][kProvisionedBy] = kProvisioner;
  Json spec = Json::object();
  spec["capacity"]["storage"] = text_at(claim, {"spec", "resources", "requests", "storage"}, "1Gi");
  spec["accessModes"] = list_at(claim, {"spec", "accessModes"});
  spec["claimRef"] = {{"apiVersion", "v1"},
                      {"kind", "PersistentVolumeClaim"},
                      {"namespace", meta.ns},
                      {"name", meta.name},
                      {"uid", meta.uid}};
  spec["persistentVolumeReclaimPolicy"] = "Delete";
  const std::string storage_class = text_at(claim, {"spec", "storageClassName"});
  if (!storage_class.empty()) spec["storageClassName"] = storage_class;
  spec["volumeMode"] = text_at(claim, {"spec", "volumeMode"}, "Filesystem");
  spec["hostPath"] = {{"path", observed.folder + "/" + name}, {"type", "DirectoryOrCreate"}};
  volume["spec"] = std::move(spec);
  return volume;
}

void bind_volume(Plan& plan, const Json& volume) {
  if (text_at(volume, {"status", "phase"}) == "Bound") return;
  plan.changes.emplace_back(PatchObject{kinds().volume,
                                        apis::parse_meta(volume).key(),
                                        {{"status", {{"phase", "Bound"}}}},
                                        "status"});
}

void bind_claim(Plan& plan, const Json& claim, const ObjectMeta& meta, const Json& volume) {
  const std::string name = text_at(volume, {"metadata", "name"});
  if (text_at(claim, {"spec", "volumeName"}) != name ||
      meta.annotation("pv.kubernetes.io/bind-completed").empty()) {
    Json patch;
    patch["metadata"]["annotations"] = {{"pv.kubernetes.io/bind-completed", "yes"},
                                        {"pv.kubernetes.io/bound-by-controller", "yes"},
                                        {"volume.kubernetes.io/storage-provisioner", kProvisioner}};
    patch["spec"]["volumeName"] = name;
    plan.changes.emplace_back(PatchObject{kinds().claim, meta.key(), std::move(patch)});
  }
  Json status = {{"phase", "Bound"}};
  status["accessModes"] = list_at(volume, {"spec", "accessModes"});
  status["capacity"] = map_at(volume, {"spec", "capacity"});
  plan.status = std::move(status);
}

bool is_for(const Json& volume, const ObjectMeta& claim) {
  const std::string uid = text_at(volume, {"spec", "claimRef", "uid"});
  if (!uid.empty()) return uid == claim.uid;
  const std::string name = text_at(volume, {"spec", "claimRef", "name"});
  return name.empty() ||
         (name == claim.name && text_at(volume, {"spec", "claimRef", "namespace"}) == claim.ns);
}

}  // namespace

std::string volume_name(const ObjectMeta& claim) {
  return "pvc-" + claim.uid;
}

Plan plan_volume_claim(const VolumeClaimObservation& observed) {
  Plan plan;
  const Json& claim = observed.claim;
  const ObjectMeta meta = apis::parse_meta(claim);
  if (meta.deleting) return plan;
  const std::string named = text_at(claim, {"spec", "volumeName"});
  const bool ours = named.empty() || named == volume_name(meta);
  if (observed.volume.is_null() && ours) {
    Json volume = new_volume(observed, meta);
    plan.changes.emplace_back(CreateObject{kinds().volume, volume});
    bind_volume(plan, volume);
    bind_claim(plan, claim, meta, volume);
    plan.tell("ProvisioningSucceeded", "Successfully provisioned volume " + volume_name(meta));
    return plan;
  }
  if (observed.volume.is_null() || !is_for(observed.volume, meta)) {
    const std::string why =
        observed.volume.is_null()
            ? fmt::format("volume \"{}\" does not exist", named)
            : fmt::format("volume \"{}\" already bound to a different claim.", named);
    plan.warn("FailedBinding", why);
    Json status = map_at(claim, {"status"});
    status["phase"] = "Pending";
    plan.status = std::move(status);
    return plan;
  }
  if (text_at(observed.volume, {"spec", "claimRef", "uid"}) != meta.uid) {
    Json patch;
    patch["spec"]["claimRef"] = {{"apiVersion", "v1"},
                                 {"kind", "PersistentVolumeClaim"},
                                 {"namespace", meta.ns},
                                 {"name", meta.name},
                                 {"uid", meta.uid}};
    plan.changes.emplace_back(
        PatchObject{kinds().volume, apis::parse_meta(observed.volume).key(), std::move(patch)});
  }
  bind_volume(plan, observed.volume);
  bind_claim(plan, claim, meta, observed.volume);
  return plan;
}

Plan plan_volume(const VolumeObservation& observed) {
  Plan plan;
  const Json& volume = observed.volume;
  const ObjectMeta meta = apis::parse_meta(volume);
  const bool claimed = !text_at(volume, {"spec", "claimRef", "uid"}).empty();
  if (meta.deleting || observed.claim_exists || !claimed) return plan;
  const bool ours = meta.annotation(kProvisionedBy) == kProvisioner;
  const bool retained =
      text_at(volume, {"spec", "persistentVolumeReclaimPolicy"}, "Retain") != "Delete";
  if (!ours || retained || observed.in_use) {
    plan.status = {{"phase", "Released"}};
    return plan;
  }
  const std::string path = text_at(volume, {"spec", "hostPath", "path"});
  if (path == observed.folder + "/" + meta.name) plan.changes.emplace_back(RemoveFolder{path});
  plan.changes.emplace_back(DeleteObject{kinds().volume, meta.key(), meta.uid});
  return plan;
}

}  // namespace rage::workloads
