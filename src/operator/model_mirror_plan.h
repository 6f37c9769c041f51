// The ModelMirror controller's decision: the claim, the job that fills it, and what the status
// says.
//
// What a claim holds is noted at the claim itself (annotation rage.dev/mirrored), by whoever saw
// the job succeed: a job may be gone an hour later, a claim that was deleted and made again is
// empty. Nothing is owned by reference, so that the claim outlives what reads it: names are
// derived, and the label kaito.sh/model-mirror-name leads back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/model_mirror.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op {

inline constexpr std::string_view kModelMirrorFinalizer = "kaito.sh/model-mirror-cleanup";
inline constexpr std::string_view kModelMirrorLabel = "kaito.sh/model-mirror-name";
inline constexpr int kMirrorProgressPort = 9100;

struct DownloadProgress {
  std::int64_t bytes_per_second = 0;
  std::int64_t remaining_seconds = -1;  // -1: not known; 0: finished.
};

struct ModelMirrorObservation {
  Json claim;              // mirror_claim(); null if absent.
  std::vector<Json> jobs;  // With its label, in its job namespace.
  std::vector<Json> pods;  // Likewise.
  bool storage_class_exists = true;
  std::optional<DownloadProgress> progress;  // Of the pod that downloads now, if it told.
};

// Where the files are: the claim has the mirror's own name, as upstream's.
ObjectKey mirror_claim(const apis::ModelMirror& mirror);
// "/models/microsoft/phi-4", in every pod that mounts the claim at /models.
std::string mirrored_path(std::string_view model_id);
// "Ready" in its status, with what says so.
bool is_mirror_ready(const apis::ModelMirror& mirror);
// Name of the pod whose progress is worth asking for; empty if none downloads.
std::string downloading_pod(const std::vector<Json>& pods);
// From the metrics that `rage model pull --progress-address` serves; none if they are not there.
std::optional<DownloadProgress> parse_download_progress(std::string_view metrics);

Plan plan_model_mirror(const apis::ModelMirror& mirror, const ModelMirrorObservation& observed,
                       const Settings& settings, std::string_view now);

}  // namespace rage::op
