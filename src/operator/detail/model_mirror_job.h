// The claim of a mirror and the job that fills it.
#pragma once

#include <string>
#include <string_view>

#include "apis/model_mirror.h"
#include "operator/plan.h"
#include "operator/settings.h"

namespace rage::op::detail {

// On a job: the UID of the claim it fills; a claim that is made anew needs a new one.
inline constexpr std::string_view kClaimUid = "rage.dev/claim-uid";

ObjectKey mirror_job(const apis::ModelMirror& mirror);
Json render_mirror_claim(const apis::ModelMirror& mirror);
Json render_mirror_job(const apis::ModelMirror& mirror, std::string_view claim_uid,
                       const Settings& settings);

enum class JobState { kActive, kSucceeded, kFailed };
JobState state_of(const Json& job);
// RFC 3339; of the condition Complete or Failed, or empty.
std::string end_of(const Json& job);

// Why pods of the job failed, for a person.
struct DownloadFailure {
  std::string reason = "DownloadFailed";  // Or DownloadOOMKilled, DownloadEvicted.
  std::string message;                    // Empty: no pod tells.
};
DownloadFailure describe_failure(const std::vector<Json>& pods);

}  // namespace rage::op::detail
