// How a Workspace's pods get their weights: from a ModelMirror (gate ModelStreaming), or downloaded
// by each pod as ever. Pure.
//
// Two ways to read a mirror: its claim, mounted read-only (any StorageClass that several pods can
// mount; same namespace), or streamed out of Azure's blob storage with workload identity, where the
// mirror's volume lies there. Upstream's third way, SAS tokens of a static mirror, is not served.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/workspace.h"
#include "catalog/catalog.h"
#include "operator/plan.h"
#include "operator/serving.h"
#include "operator/settings.h"

namespace rage::op {

// A mirror that may serve the Workspace, and what it stands on; null where absent.
struct ObservedMirror {
  Json mirror;
  Json claim;
  Json volume;         // PersistentVolume
  Json storage_class;  // Of the mirror.
};

struct StreamingObservation {
  std::vector<ObservedMirror> mirrors;
  Json storage_class;    // Of streaming_names(); null if absent.
  Json service_account;  // Likewise, in the Workspace's namespace.
};

// What annotations and settings name; empty: nothing is named.
struct StreamingNames {
  std::string storage_class;
  std::string service_account;
};
StreamingNames streaming_names(const ObjectMeta& workspace, const Settings& settings);

// The id by which a preset's mirror is found, whatever its name (upstream's are six hex digits):
// lower case, aliases resolved.
std::string mirrored_model_key(std::string_view preset);
// Of a mirror that is made: twelve hex digits of that key, and of the namespace where its claim is
// mounted; a mirror that is streamed serves every namespace (`ns` empty).
std::string mirror_name(std::string_view preset, std::string_view ns);
// The gate, vLLM, a preset whose weights are not on the node, and no opt-out.
bool wants_streaming(const apis::Workspace& workspace, const Settings& settings);

struct StreamingVerdict {
  std::optional<MirroredWeights> weights;  // None: each pod downloads.
  std::vector<Change> changes;             // The mirror, if it has to be made.
  // ModelMirrorReady; none: it does not apply.
  std::optional<apis::Condition> condition;
  std::string waiting_for;     // The mirror is not ready.
  std::string failure_reason;  // ModelStreaming..., ModelMirrorCreateFailed
  std::string failure;         // What a person has to do.

  bool blocked() const { return !waiting_for.empty() || !failure.empty(); }
};

// `running`: the StatefulSet, if it has the wanted revision, else null; what runs keeps its way.
StreamingVerdict plan_streaming(const apis::Workspace& workspace, const catalog::Model& model,
                                const std::string& disk, const Json& running,
                                const StreamingObservation& observed, const Settings& settings);

}  // namespace rage::op
