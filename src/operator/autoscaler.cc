#include "operator/autoscaler.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "apis/kinds.h"
#include "base/strings.h"
#include "obs/log.h"
#include "operator/detail/json_path.h"

namespace rage::op {
namespace {

constexpr std::size_t kAskedAtOnce = 8;  // Replicas of one set.
constexpr std::uint64_t kMetricsBytesMax = std::uint64_t{4} << 20;
constexpr std::chrono::milliseconds kConnectTimeout{1'000};

std::vector<apis::Workspace> children_of(const Caches& caches, const ObjectMeta& set) {
  std::vector<apis::Workspace> children;
  for (const Json& document : owned_documents(caches.workspaces, set.uid)) {
    auto child = apis::parse_workspace(document);
    if (child && !child->meta.deleting) children.push_back(*std::move(child));
  }
  return children;
}

// Of a replica with several nodes only the first pod answers requests.
bool answers_requests(const ObjectMeta& pod) {
  const std::string index = pod.label("apps.kubernetes.io/pod-index");
  return index.empty() ? pod.name.ends_with("-0") : index == "0";
}

std::optional<WallTime> ready_since(const Json& pod) {
  const Json* ready = detail::find_condition_json(pod, "Ready");
  if (ready == nullptr || detail::text_at(*ready, {"status"}) != "True") return std::nullopt;
  return parse_time(detail::text_at(*ready, {"lastTransitionTime"})).value_or(WallTime{});
}

}  // namespace

struct AutoscaleReconciler::Replica {
  MetricsTarget target;
  std::optional<WallTime> ready_since;  // None: not ready, and not asked.
};

std::optional<ScalingReport> ScalingReports::find(const ObjectKey& set) const {
  return reports_.with([&](const auto& reports) -> std::optional<ScalingReport> {
    const auto found = reports.find(set);
    if (found == reports.end()) return std::nullopt;
    return found->second;
  });
}

bool ScalingReports::put(const ObjectKey& set, ScalingReport report) {
  return reports_.with([&](auto& reports) {
    const auto found = reports.find(set);
    if (found != reports.end() && found->second == report) return false;
    reports[set] = std::move(report);
    return true;
  });
}

void ScalingReports::forget(const ObjectKey& set) {
  reports_.with([&](auto& reports) { reports.erase(set); });
}

AutoscaleReconciler::AutoscaleReconciler(Hands& hands, Caches& caches,
                                         net::HttpTransport& transport, ScalingReports& reports,
                                         AutoscalerOptions options,
                                         std::function<void(const ObjectKey&)> on_news)
    : hands_(hands),
      caches_(caches),
      transport_(transport),
      reports_(reports),
      options_(std::move(options)),
      on_news_(std::move(on_news)) {}

Result<kube::Outcome> AutoscaleReconciler::reconcile(const Context& context, const ObjectKey& key) {
  const kube::ObjectPtr object = caches_.inference_sets.find(key);
  const auto set = object ? apis::parse_inference_set(object->document())
                          : Result<apis::InferenceSet>(fail(ErrorCode::kNotFound, "gone"));
  if (!set || set->meta.deleting || !wants_autoscaling(set->meta)) {
    forget(key);
    return kube::Outcome::done();
  }
  const auto children = children_of(caches_, set->meta);
  const auto settings = parse_scale_settings(*set, nodes_per_replica(children));
  if (!settings) {  // Its own controller says so in the status.
    forget(key);
    return kube::Outcome::done();
  }
  const std::vector<Replica> replicas = replicas_of(*set, children);
  ASSIGN_OR_RETURN(const bool woken, wake(context, *set, *settings, replicas));
  if (woken) return kube::Outcome::after(options_.interval);
  if (const auto rest = too_early(key)) return kube::Outcome::after(rest);

  const auto loads = ask(context, replicas, settings->metric);
  RETURN_IF_ERROR(context.check());  // Cut short, they tell nothing.
  const ScaleHistory history = histories_.with([&](auto& histories) {
    ScaleHistory& kept = histories[key];
    kept = with_sample(std::move(kept), hands_.clock.now(), set->replicas, loads, *settings);
    return kept;
  });
  if (reports_.put(key, describe_scaling(history, *settings))) on_news_(key);
  const ScaleDecision decision = plan_scale(history, *settings);
  if (decision.replicas != set->replicas) RETURN_IF_ERROR(scale(context, *set, decision));
  // Asleep there is nobody to ask; the annotation that wakes it is a change of the set.
  if (set->replicas <= 0) return kube::Outcome::done();
  return kube::Outcome::after(options_.interval);
}

Result<bool> AutoscaleReconciler::wake(const Context& context, const apis::InferenceSet& set,
                                       const ScaleSettings& settings,
                                       const std::vector<Replica>& replicas) {
  std::optional<WallTime> first_ready;
  for (const Replica& replica : replicas) {
    if (!replica.ready_since) continue;
    first_ready = std::min(first_ready.value_or(*replica.ready_since), *replica.ready_since);
  }
  const Json patch = plan_wake(set, settings, first_ready, hands_.clock.wall_now());
  if (patch.empty()) return false;
  const ObjectKey key = set.meta.key();
  ASSIGN_OR_RETURN(Json written, hands_.client.patch(context, apis::inference_set_type(), key,
                                                     kube::PatchType::kMerge, patch));
  caches_.inference_sets.remember(std::move(written));
  if (patch.contains("spec")) {
    hands_.events.record({.type = apis::inference_set_type(), .key = key, .uid = set.meta.uid},
                         kube::EventType::kNormal, "SuccessfulRescale",
                         fmt::format("woken by the annotation {}", kWake));
  }
  // Somebody wants it: idleness counts from now on.
  histories_.with([&](auto& histories) { histories.erase(key); });
  return true;
}

std::vector<AutoscaleReconciler::Replica> AutoscaleReconciler::replicas_of(
    const apis::InferenceSet& set, const std::vector<apis::Workspace>& children) const {
  std::vector<Replica> replicas;
  for (const apis::Workspace& child : children) {
    Replica replica;
    for (const auto& pod : caches_.pods.by_index(kByWorkspace, child.meta.key().str())) {
      if (pod->meta().deleting || !answers_requests(pod->meta())) continue;
      const Json document = pod->document();
      replica.target = {.ip = detail::text_at(document, {"status", "podIP"}),
                        .ns = set.meta.ns,
                        .pod = pod->meta().name};
      if (!replica.target.ip.empty()) replica.ready_since = ready_since(document);
    }
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

std::vector<ReplicaLoad> AutoscaleReconciler::ask(const Context& context,
                                                  const std::vector<Replica>& replicas,
                                                  const std::string& metric) const {
  std::vector<ReplicaLoad> loads(replicas.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < replicas.size(); i = next++) {
      if (replicas[i].ready_since) loads[i] = ask_one(context, replicas[i].target, metric);
    }
  };
  // One that does not answer must not hold up the others.
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < std::min(replicas.size(), kAskedAtOnce); ++i) {
    others.emplace_back(work);
  }
  work();
  others.clear();  // Joins.
  return loads;
}

ReplicaLoad AutoscaleReconciler::ask_one(const Context& context, const MetricsTarget& target,
                                         const std::string& metric) const {
  Context asking = context;
  asking.deadline = std::chrono::steady_clock::now() + context.remaining(options_.scrape_timeout);
  const auto reply = transport_.fetch(
      asking, {.url = metrics_url(options_.metrics_url, target),
               .connect_timeout = std::min(kConnectTimeout, options_.scrape_timeout),
               .body_bytes_max = kMetricsBytesMax});
  if (reply && reply->status == 200) return parse_replica_load(reply->body, metric);
  obs::log().debug("a replica does not tell its load",
                   {{"pod", target.ns + "/" + target.pod},
                    {"reason", reply ? std::to_string(reply->status) : reply.error().message}});
  return {};
}

// Changes of a set's status bring it here as well: no reason to ask its replicas once more.
std::optional<std::chrono::milliseconds> AutoscaleReconciler::too_early(
    const ObjectKey& key) const {
  return histories_.with([&](const auto& histories) -> std::optional<std::chrono::milliseconds> {
    const auto found = histories.find(key);
    if (found == histories.end() || found->second.samples.empty()) return std::nullopt;
    const auto next = found->second.samples.back().at + options_.interval;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(next - hands_.clock.now());
    if (rest <= options_.interval / 10) return std::nullopt;
    return rest;
  });
}

Result<void> AutoscaleReconciler::scale(const Context& context, const apis::InferenceSet& set,
                                        const ScaleDecision& decision) {
  const kube::EventTarget target{
      .type = apis::inference_set_type(), .key = set.meta.key(), .uid = set.meta.uid};
  Json patch;
  patch["spec"]["replicas"] = decision.replicas;
  // Only what was looked at: somebody else may have scaled it meanwhile.
  patch["metadata"]["resourceVersion"] = set.meta.resource_version;
  const auto written = hands_.client.patch(context, target.type, target.key,
                                           kube::PatchType::kMerge, patch, "scale");
  if (!written) {
    if (!kube::is_conflict(written.error())) {
      hands_.events.record(
          target, kube::EventType::kWarning, "FailedRescale",
          fmt::format("scaling to {} replicas: {}", decision.replicas, written.error().message));
    }
    return fail(Error(written.error()).with_context("scaling"));
  }
  hands_.events.record(target, kube::EventType::kNormal, "SuccessfulRescale",
                       fmt::format("{} replicas instead of {}: {}", decision.replicas, set.replicas,
                                   decision.reason));
  obs::log().info("scaled", {{"inferenceset", set.meta.key().str()},
                             {"from", set.replicas},
                             {"to", decision.replicas},
                             {"reason", decision.reason}});
  return {};
}

void AutoscaleReconciler::forget(const ObjectKey& key) {
  histories_.with([&](auto& histories) { histories.erase(key); });
  reports_.forget(key);
}

std::vector<ObjectKey> autoscaled_set(const kube::Object& set) {
  if (set.text().find(kAutoProvision) == std::string::npos) return {};
  return {set.meta().key()};
}

}  // namespace rage::op
