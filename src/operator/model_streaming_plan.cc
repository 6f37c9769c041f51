#include "operator/model_streaming_plan.h"

#include <algorithm>
#include <utility>

#include "apis/kinds.h"
#include "apis/model_mirror.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "operator/detail/json_path.h"
#include "operator/model_mirror_plan.h"

namespace rage::op {
namespace {

constexpr std::string_view kBlobDriver = "blob.csi.azure.com";
constexpr std::string_view kClientId = "azure.workload.identity/client-id";
constexpr std::string_view kOptOut =
    "or set the annotation kaito.sh/model-streaming: disabled to have each pod download";
constexpr std::string_view kConditionType = "ModelMirrorReady";
constexpr std::string_view kInProgress = "Model download in progress";

// A mirror that may be used.
struct Candidate {
  apis::ModelMirror mirror;
  const ObservedMirror* observed = nullptr;
  bool streamed = false;  // Out of blob storage; else its claim is mounted.
};

StreamingVerdict failed(std::string_view reason, std::string message) {
  StreamingVerdict verdict;
  verdict.failure_reason = reason;
  verdict.failure = std::move(message);
  return verdict;
}

void set_condition(StreamingVerdict& verdict, bool ok, std::string_view reason,
                   std::string_view message) {
  verdict.condition =
      apis::Condition{.type = std::string(kConditionType),
                      .status = ok ? apis::ConditionStatus::kTrue : apis::ConditionStatus::kFalse,
                      .reason = std::string(reason),
                      .message = std::string(message)};
}

StreamingVerdict waiting(std::string_view reason, const std::string& message) {
  StreamingVerdict verdict;
  verdict.waiting_for = message;
  set_condition(verdict, false, reason, message);
  return verdict;
}

bool is_blob(const ObservedMirror& observed) {
  return detail::text_at(observed.volume, {"spec", "csi", "driver"}) == kBlobDriver ||
         codec::string_or(observed.storage_class, "provisioner", "") == kBlobDriver;
}

// Its pods read a mirror already; upstream noted nothing, but its command line tells.
bool reads_mirror(const Json& stateful_set) {
  if (!detail::text_at(stateful_set, {"metadata", "annotations", kMirrorAnnotation}).empty()) {
    return true;
  }
  for (const Json& container :
       detail::list_at(stateful_set, {"spec", "template", "spec", "containers"})) {
    for (const Json& word : detail::list_at(container, {"command"})) {
      if (!word.is_string()) continue;
      const auto& text = word.get_ref<const std::string&>();
      if (text.contains("az://") || text.contains("STREAM_MODEL_URI")) return true;
    }
  }
  return false;
}

// Usable ones, best first: the one that is read already, then ours by name, then any.
std::vector<Candidate> candidates(const apis::Workspace& workspace, const Json& running,
                                  const StreamingObservation& observed) {
  const std::string& preset = workspace.inference->preset->name;
  const std::string& ns = workspace.meta.ns;
  const std::string key = mirrored_model_key(preset);
  const std::string read = detail::text_at(running, {"metadata", "annotations", kMirrorAnnotation});
  const auto rank = [&](const Candidate& candidate) {
    const std::string& name = candidate.mirror.meta.name;
    if (name == read) return 0;
    return name == mirror_name(preset, ns) || name == mirror_name(preset, "") ? 1 : 2;
  };
  std::vector<Candidate> found;
  for (const ObservedMirror& one : observed.mirrors) {
    auto mirror = apis::parse_model_mirror(one.mirror);
    if (!mirror || mirror->meta.deleting) continue;
    if (!equals_ignoring_case(mirror->model_id, key)) continue;
    const bool streamed = is_blob(one);
    if (!streamed && mirror->job_namespace != ns) continue;
    found.push_back({.mirror = *std::move(mirror), .observed = &one, .streamed = streamed});
  }
  std::ranges::sort(found, [&](const Candidate& a, const Candidate& b) {
    return std::pair(rank(a), a.mirror.meta.name) < std::pair(rank(b), b.mirror.meta.name);
  });
  return found;
}

// Workload identity reads the storage: the pods need an account that has one.
std::string service_account_problem(const std::string& name, const StreamingObservation& observed,
                                    const std::string& ns) {
  if (name.empty()) {
    return fmt::format(
        "streaming from Azure needs a ServiceAccount with workload identity: name it in the "
        "annotation kaito.sh/streaming-service-account, {}",
        kOptOut);
  }
  if (!observed.service_account.is_object()) {
    return fmt::format("ServiceAccount {}/{} does not exist: create it, {}", ns, name, kOptOut);
  }
  if (apis::parse_meta(observed.service_account).annotation(kClientId).empty()) {
    return fmt::format("ServiceAccount {}/{} lacks the annotation {}: add it, {}", ns, name,
                       kClientId, kOptOut);
  }
  return {};
}

// "group#account#container#..." as the driver writes volume handles; false if it is none.
bool read_volume(const Json& volume, std::string& account, std::string& container) {
  const std::string handle = detail::text_at(volume, {"spec", "csi", "volumeHandle"});
  const auto parts = split(handle, '#');
  if (parts.size() < 3 || parts[1].empty() || parts[2].empty()) return false;
  account = parts[1];
  container = parts[2];
  return true;
}

Json render_mirror(const apis::Workspace& workspace, const catalog::Model& model,
                   const std::string& disk, const StreamingNames& names, bool streamed) {
  const apis::Preset& preset = *workspace.inference->preset;
  Json mirror =
      object_of(apis::model_mirror_type(),
                {.ns = "", .name = mirror_name(preset.name, streamed ? "" : workspace.meta.ns)});
  Json& spec = mirror["spec"];
  spec = {{"mode", "Managed"},
          {"source", {{"registry", "huggingface"}, {"modelID", model.id}}},
          {"storage", {{"size", disk}, {"storageClassName", names.storage_class}}},
          {"jobNamespace", workspace.meta.ns}};
  if (!preset.model_access_secret.empty()) {
    spec["source"]["accessSecret"]["name"] = preset.model_access_secret;
  }
  if (streamed) spec["serviceAccountName"] = names.service_account;
  return mirror;
}

StreamingVerdict plan_creation(const apis::Workspace& workspace, const catalog::Model& model,
                               const std::string& disk, const StreamingObservation& observed,
                               const StreamingNames& names) {
  if (names.storage_class.empty()) {
    return failed("ModelStreamingStorageClassNotFound",
                  fmt::format("no StorageClass for a mirror of {} is named: set the annotation "
                              "kaito.sh/model-mirror-storage-class, {}",
                              model.id, kOptOut));
  }
  if (!observed.storage_class.is_object()) {
    return failed(
        "ModelStreamingStorageClassNotFound",
        fmt::format("StorageClass {} does not exist: create it, {}", names.storage_class, kOptOut));
  }
  const bool streamed = codec::string_or(observed.storage_class, "provisioner", "") == kBlobDriver;
  if (streamed) {
    std::string problem =
        service_account_problem(names.service_account, observed, workspace.meta.ns);
    if (!problem.empty()) return failed("ModelStreamingServiceAccountInvalid", std::move(problem));
  }
  Json mirror = render_mirror(workspace, model, disk, names, streamed);
  const std::string name = apis::parse_meta(mirror).name;
  for (const ObservedMirror& other : observed.mirrors) {
    const ObjectMeta meta = apis::parse_meta(other.mirror);
    if (meta.name != name) continue;
    if (meta.deleting) {
      return waiting("ModelMirrorPending",
                     fmt::format("ModelMirror {} of before is being deleted", name));
    }
    return failed("ModelMirrorCreateFailed",
                  fmt::format("ModelMirror {} exists and holds another model: delete it, or make a "
                              "mirror of {} under another name",
                              name, model.id));
  }
  StreamingVerdict verdict = waiting("ModelMirrorPending", std::string(kInProgress));
  verdict.changes.emplace_back(CreateObject{apis::model_mirror_type(), std::move(mirror)});
  return verdict;
}

StreamingVerdict plan_use(const apis::Workspace& workspace, const Candidate& chosen,
                          const StreamingObservation& observed, const StreamingNames& names) {
  const apis::ModelMirror& mirror = chosen.mirror;
  MirroredWeights weights{.mirror = mirror.meta.name};
  if (chosen.streamed) {
    std::string problem =
        service_account_problem(names.service_account, observed, workspace.meta.ns);
    if (!problem.empty()) return failed("ModelStreamingServiceAccountInvalid", std::move(problem));
  }
  if (!is_mirror_ready(mirror)) {
    const apis::Conditions conditions = apis::parse_conditions(mirror.status);
    const apis::Condition* ready = apis::find_condition(conditions, "Ready");
    const std::string failure = codec::string_or(mirror.status, "failureMessage", "");
    return waiting(ready == nullptr ? "ModelMirrorPending" : std::string_view(ready->reason),
                   failure.empty() ? std::string(kInProgress) : failure);
  }
  if (chosen.streamed) {
    std::string container;
    if (!read_volume(chosen.observed->volume, weights.storage_account, container)) {
      return failed("ModelStreamingInvalidStorageClass",
                    fmt::format("the volume of ModelMirror {} names no storage account and "
                                "container in its volumeHandle",
                                mirror.meta.name));
    }
    weights.model = fmt::format("az://{}/{}", container, mirror.model_id);
    weights.service_account = names.service_account;
  } else {
    weights.model = mirrored_path(mirror.model_id);
    weights.claim = mirror_claim(mirror).name;
  }
  StreamingVerdict verdict;
  verdict.weights = std::move(weights);
  set_condition(verdict, true, "ModelMirrorReady", "Model download complete");
  return verdict;
}

bool asks_for_sas(const ObjectMeta& workspace) {
  return std::ranges::any_of(workspace.annotations, [](const auto& annotation) {
    return annotation.first.starts_with("inference.kaito.sh/stream-") ||
           annotation.first == "inference.kaito.sh/static-model-mirror";
  });
}

}  // namespace

StreamingNames streaming_names(const ObjectMeta& workspace, const Settings& settings) {
  StreamingNames names{
      .storage_class = workspace.annotation("kaito.sh/model-mirror-storage-class"),
      .service_account = workspace.annotation("kaito.sh/streaming-service-account")};
  if (names.storage_class.empty()) names.storage_class = settings.mirror_storage_class;
  if (names.service_account.empty()) names.service_account = settings.streaming_service_account;
  return names;
}

std::string mirrored_model_key(std::string_view preset) {
  const catalog::Model* model = catalog::find_model(preset);
  return to_lower_ascii(model == nullptr ? preset : std::string_view(model->id));
}

std::string mirror_name(std::string_view preset, std::string_view ns) {
  constexpr std::size_t kDigits = 12;
  const std::string key = mirrored_model_key(preset);
  const std::string text = ns.empty() ? key : fmt::format("{}\n{}", key, ns);
  return "mirror-" + sha256_hex(text).substr(0, kDigits);
}

bool wants_streaming(const apis::Workspace& workspace, const Settings& settings) {
  const ObjectMeta& meta = workspace.meta;
  return settings.model_streaming && workspace.inference && workspace.inference->preset &&
         runtime_of(meta, settings) == Runtime::kVllm &&
         meta.annotation("kaito.sh/model-streaming") != "disabled" &&
         meta.annotation("kaito.sh/use-local-weights") != "true";
}

StreamingVerdict plan_streaming(const apis::Workspace& workspace, const catalog::Model& model,
                                const std::string& disk, const Json& running,
                                const StreamingObservation& observed, const Settings& settings) {
  if (!wants_streaming(workspace, settings)) return {};
  // Switching the gate on restarts nobody.
  if (running.is_object() && !reads_mirror(running)) return {};
  if (asks_for_sas(workspace.meta)) {
    return failed("ModelStreamingInvalidAnnotations",
                  fmt::format("streaming with SAS tokens is not served: remove the annotations "
                              "inference.kaito.sh/stream-* and static-model-mirror, {}",
                              kOptOut));
  }
  const StreamingNames names = streaming_names(workspace.meta, settings);
  const std::vector<Candidate> found = candidates(workspace, running, observed);
  if (found.empty()) return plan_creation(workspace, model, disk, observed, names);
  return plan_use(workspace, found.front(), observed, names);
}

}  // namespace rage::op
