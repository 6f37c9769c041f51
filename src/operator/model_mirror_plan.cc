#include "operator/model_mirror_plan.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "apis/kinds.h"
#include "base/strings.h"
#include "operator/detail/fact.h"
#include "operator/detail/finalizer.h"
#include "operator/detail/json_path.h"
#include "operator/detail/model_mirror_job.h"
#include "operator/workspace_plan.h"

namespace rage::op {
namespace {

using detail::Fact;
using detail::JobState;
using kube::EventType;
using std::chrono::milliseconds;

constexpr std::string_view kMirrored = "rage.dev/mirrored";
// Upstream's, on its claims: it would keep a namespace from ending for as long as the mirror lives.
constexpr std::string_view kClaimProtection = "kaito.sh/model-mirror-protection";
constexpr std::chrono::minutes kRetry{5};
constexpr std::chrono::seconds kProgressPoll{10};
constexpr std::size_t kLabelBytesMax = 63;

struct MirrorDraft {
  Plan plan;
  Fact storage;
  Fact ready;
  std::string failure;      // status.failureMessage
  std::string finished_at;  // status.lastDownloadTime, if it is finished now.
  std::optional<DownloadProgress> progress;
};

bool is_ours(const apis::ModelMirror& mirror, const ObjectMeta& claim) {
  return claim.label(kModelMirrorLabel) == mirror.meta.name;
}

// Made by the original, which put no label on it.
bool is_adopted(const ObjectMeta& claim) {
  return claim.label(kModelMirrorLabel).empty() && claim.has_finalizer(kClaimProtection);
}

bool holds_model(const apis::ModelMirror& mirror, const ObjectMeta& claim) {
  if (equals_ignoring_case(claim.annotation(kMirrored), mirror.model_id)) return true;
  return is_adopted(claim) && codec::string_or(mirror.status, "phase", "") == "Ready";
}

void patch_claim(const ObjectMeta& claim, Json metadata, Plan& plan) {
  plan.changes.emplace_back(PatchObject{apis::builtin_type("PersistentVolumeClaim"),
                                        claim.key(),
                                        {{"metadata", std::move(metadata)}}});
}

void drop_protection(const ObjectMeta& claim, Plan& plan) {
  if (!claim.has_finalizer(kClaimProtection)) return;
  Json rest = Json::array();
  for (const std::string& finalizer : claim.finalizers) {
    if (finalizer != kClaimProtection) rest.push_back(finalizer);
  }
  patch_claim(claim, {{"finalizers", rest}, {"resourceVersion", claim.resource_version}}, plan);
}

void note_mirrored(const apis::ModelMirror& mirror, const ObjectMeta& claim, Plan& plan) {
  if (is_ours(mirror, claim) && claim.annotation(kMirrored) == mirror.model_id) return;
  Json metadata;
  metadata["labels"][std::string(kModelMirrorLabel)] = mirror.meta.name;
  metadata["annotations"][std::string(kMirrored)] = mirror.model_id;
  patch_claim(claim, std::move(metadata), plan);
}

Fact judge_claim(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed) {
  const std::string phase = detail::text_at(observed.claim, {"status", "phase"});
  const std::string name = mirror_claim(mirror).str();
  if (phase == "Bound") return {true, "PVCBound", "PersistentVolumeClaim " + name + " is bound"};
  if (phase == "Lost") {
    return {false, "PVCLost",
            "the volume of PersistentVolumeClaim " + name +
                " is gone: delete the claim, and the model is downloaded again"};
  }
  if (!observed.storage_class_exists) {
    return {false, "PVCPending",
            fmt::format("StorageClass {} does not exist: create it, or delete this mirror and make "
                        "one with another class",
                        mirror.storage_class)};
  }
  return {false, "PVCPending", "PersistentVolumeClaim " + name + " waits for a volume"};
}

// False: there is no claim to download into yet; the draft says why.
bool secure_claim(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed,
                  MirrorDraft& draft) {
  const ObjectKey key = mirror_claim(mirror);
  if (!observed.claim.is_object()) {
    draft.plan.changes.emplace_back(CreateObject{apis::builtin_type("PersistentVolumeClaim"),
                                                 detail::render_mirror_claim(mirror)});
    draft.storage = {false, "PVCPending", "PersistentVolumeClaim " + key.str() + " is being made"};
    draft.ready = {false, "DownloadPending", "waiting for the volume"};
    if (!is_mirror_ready(mirror)) return false;
    draft.ready = {false, "PVCLost",
                   "PersistentVolumeClaim " + key.str() +
                       " was deleted, and the model with it; it is downloaded again"};
    draft.plan.events.push_back({EventType::kWarning, "PVCLost", draft.ready.message});
    return false;
  }
  const ObjectMeta claim = apis::parse_meta(observed.claim);
  if (!is_ours(mirror, claim) && !is_adopted(claim)) {
    draft.storage = {false, "PVCCreateFailed",
                     fmt::format("PersistentVolumeClaim {} is there already and not this mirror's: "
                                 "delete it, or give the mirror another name",
                                 key.str())};
    draft.ready = {false, "PVCCreateFailed", draft.storage.message};
    return false;
  }
  if (claim.deleting) {
    drop_protection(claim, draft.plan);
    draft.storage = {false, "PVCLost", "PersistentVolumeClaim " + key.str() + " is being deleted"};
    draft.ready = {false, "PVCLost", draft.storage.message};
    return false;
  }
  draft.storage = judge_claim(mirror, observed);
  return true;
}

// A job that fills this very claim: ours, or one that the original began.
bool fills(const Json& job, const apis::ModelMirror& mirror, const ObjectMeta& claim) {
  const std::string uid = apis::parse_meta(job).annotation(detail::kClaimUid);
  return uid == claim.uid || (uid.empty() && !is_ours(mirror, claim));
}

void delete_job(const Json& job, Plan& plan) {
  const ObjectMeta meta = apis::parse_meta(job);
  if (meta.deleting) return;
  plan.changes.emplace_back(
      DeleteObject{.type = apis::builtin_type("Job"), .key = meta.key(), .uid = meta.uid});
}

void report_progress(const ModelMirrorObservation& observed, MirrorDraft& draft) {
  draft.progress = observed.progress.value_or(DownloadProgress{});
  draft.plan.requeue_after = kProgressPoll;
  draft.ready = {false, "DownloadInProgress", "Model download in progress"};
  if (const auto problem = diagnose_pods(observed.pods)) {
    draft.ready.message += ": " + problem->message;
  } else if (const auto failed = detail::describe_failure(observed.pods); !failed.message.empty()) {
    draft.ready.message += "; it failed before: " + failed.message;
  }
}

void report_failure(const apis::ModelMirror& mirror, const Json& job,
                    const ModelMirrorObservation& observed, WallTime now, MirrorDraft& draft) {
  const detail::DownloadFailure failure = detail::describe_failure(observed.pods);
  const bool told = !failure.message.empty();
  draft.failure = told ? failure.message : codec::string_or(mirror.status, "failureMessage", "");
  if (draft.failure.empty()) draft.failure = "the download job failed";
  draft.ready = {false, failure.reason, "Model download failed: " + draft.failure};
  if (codec::string_or(mirror.status, "failureMessage", "").empty()) {
    draft.plan.events.push_back({EventType::kWarning, draft.ready.reason, draft.failure});
  }
  const WallTime again = parse_time(detail::end_of(job)).value_or(now) + kRetry;
  if (now >= again) {
    delete_job(job, draft.plan);
  } else {
    draft.plan.requeue_after = std::chrono::ceil<milliseconds>(again - now);
  }
}

void finish(const apis::ModelMirror& mirror, const ObjectMeta& claim, MirrorDraft& draft) {
  note_mirrored(mirror, claim, draft.plan);
  draft.progress = DownloadProgress{.bytes_per_second = 0, .remaining_seconds = 0};
  draft.ready = {true, "ModelMirrorReady", "Model download complete"};
  // Whoever mounts it would hang: a volume that is lost holds nothing.
  if (draft.storage.reason == "PVCLost") draft.ready = draft.storage;
}

void plan_download(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed,
                   const Settings& settings, std::string_view now, MirrorDraft& draft) {
  const ObjectMeta claim = apis::parse_meta(observed.claim);
  if (holds_model(mirror, claim)) return finish(mirror, claim, draft);
  const std::string own = detail::mirror_job(mirror).name;
  const Json* job = nullptr;  // Ours before another's; what is of another claim goes.
  bool blocked = false;       // Something of our job's name is on its way out.
  for (const Json& candidate : observed.jobs) {
    const ObjectMeta meta = apis::parse_meta(candidate);
    const bool usable = !meta.deleting && fills(candidate, mirror, claim) &&
                        (meta.name == own || detail::state_of(candidate) != JobState::kFailed);
    if (usable && (job == nullptr || meta.name == own)) job = &candidate;
    if (usable || meta.name != own) continue;
    delete_job(candidate, draft.plan);
    blocked = true;
  }
  if (job == nullptr) {
    draft.ready = {false, "DownloadPending", "the download job is being made"};
    draft.progress = DownloadProgress{};
    if (blocked) return;
    draft.plan.changes.emplace_back(CreateObject{
        apis::builtin_type("Job"), detail::render_mirror_job(mirror, claim.uid, settings)});
    draft.plan.events.push_back(
        {EventType::kNormal, "DownloadStarted", "downloading " + mirror.model_id});
    return;
  }
  switch (detail::state_of(*job)) {
    case JobState::kActive:
      return report_progress(observed, draft);
    case JobState::kFailed:
      return report_failure(mirror, *job, observed, parse_time(now).value_or(WallTime{}), draft);
    case JobState::kSucceeded:
      break;
  }
  const std::string end = detail::end_of(*job);
  draft.finished_at = end.empty() ? std::string(now) : end;
  draft.plan.events.push_back({EventType::kNormal, "DownloadComplete",
                               mirror.model_id + " is in " + mirror_claim(mirror).str()});
  finish(mirror, claim, draft);
}

// Empty: it can be worked on.
std::string spec_error(const apis::ModelMirror& mirror) {
  if (mirror.model_id.empty() || mirror.size.empty() || mirror.storage_class.empty()) {
    return "a Managed mirror needs spec.source.modelID, spec.storage.size and "
           "spec.storage.storageClassName";
  }
  if (mirror.job_namespace.empty()) {
    return "spec.jobNamespace is missing: say where the volume and the download job live";
  }
  if (mirror.meta.name.size() > kLabelBytesMax) {
    return "metadata.name is longer than 63 characters, which a label can hold";
  }
  return {};
}

Json render_status(const apis::ModelMirror& mirror, const MirrorDraft& draft,
                   std::string_view now) {
  apis::Conditions conditions = apis::parse_conditions(mirror.status);
  const auto set = [&](std::string_view type, const Fact& fact) {
    apis::set_condition(conditions, detail::condition_of(type, fact, mirror.meta.generation), now);
  };
  set("StorageReady", draft.storage);
  set("Ready", draft.ready);
  Json status = {{"phase", draft.ready.ok ? "Ready" : "Pending"}};
  if (draft.ready.ok && !mirror.model_id.empty()) {
    status["modelPath"] = mirrored_path(mirror.model_id);
  }
  status["conditions"] = apis::render_conditions(conditions);
  if (!draft.failure.empty()) status["failureMessage"] = draft.failure;
  const std::string last = draft.finished_at.empty()
                               ? codec::string_or(mirror.status, "lastDownloadTime", "")
                               : draft.finished_at;
  if (!last.empty()) status["lastDownloadTime"] = last;
  if (draft.progress) {
    status["download"] = {{"speedBytesPerSecond", draft.progress->bytes_per_second},
                          {"remainingSeconds", draft.progress->remaining_seconds}};
  }
  return status;
}

// Nothing is waited for: the volume stays, deleting, until the last pod that mounts it is gone.
Plan plan_deletion(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed) {
  Plan plan;
  for (const Json& job : observed.jobs) delete_job(job, plan);
  const ObjectMeta claim = apis::parse_meta(observed.claim);
  if (observed.claim.is_object() && (is_ours(mirror, claim) || is_adopted(claim))) {
    drop_protection(claim, plan);
    if (!claim.deleting) {
      plan.changes.emplace_back(DeleteObject{.type = apis::builtin_type("PersistentVolumeClaim"),
                                             .key = claim.key(),
                                             .uid = claim.uid});
    }
  }
  plan.release = true;
  return plan;
}

}  // namespace

ObjectKey mirror_claim(const apis::ModelMirror& mirror) {
  return {.ns = mirror.job_namespace, .name = mirror.meta.name};
}

std::string mirrored_path(std::string_view model_id) {
  return fmt::format("/models/{}", model_id);
}

bool is_mirror_ready(const apis::ModelMirror& mirror) {
  return apis::is_true(apis::parse_conditions(mirror.status), "Ready");
}

Plan plan_model_mirror(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed,
                       const Settings& settings, std::string_view now) {
  if (mirror.meta.deleting) return plan_deletion(mirror, observed);
  MirrorDraft draft;
  if (mirror.mode == apis::MirrorMode::kStatic) {
    draft.storage = draft.ready = {true, "StaticMirror", "the files are there already"};
  } else if (const std::string error = spec_error(mirror); !error.empty()) {
    draft.storage = draft.ready = {false, "InvalidSpec", error};
  } else {
    detail::add_finalizer(apis::model_mirror_type(), mirror.meta, kModelMirrorFinalizer,
                          draft.plan.changes);
    if (secure_claim(mirror, observed, draft)) {
      plan_download(mirror, observed, settings, now, draft);
    }
  }
  draft.plan.status = render_status(mirror, draft, now);
  return std::move(draft.plan);
}

}  // namespace rage::op
