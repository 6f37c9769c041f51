#include <algorithm>
#include <array>
#include <map>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "kube/informer.h"
#include "obs/log.h"
#include "picker/detail/waker.h"
#include "picker/endpoint_source.h"

namespace rage::picker {
namespace {

using apis::ResourceType;
using kube::Informer;
using kube::ObjectPtr;
using std::chrono::milliseconds;

const ResourceType kPods{.group = "", .version = "v1", .kind = "Pod", .plural = "pods"};
const ResourceType kPools{.group = std::string(routing::kPoolGroup),
                          .version = "v1",
                          .kind = std::string(routing::kPoolKind),
                          .plural = "inferencepools"};

// The newer group first: if both have the kind, the older one is not looked at.
constexpr std::array<std::string_view, 2> kGroups = {"llm-d.ai", "inference.networking.x-k8s.io"};
constexpr std::string_view kVersion = "v1alpha2";

// Of a pod: what routing::endpoints_of_pod() reads.
void trim_pod(codec::Json& pod) {
  pod.erase("spec");
  const auto status = pod.find("status");
  if (status == pod.end() || !status->is_object()) return;
  for (auto field = status->begin(); field != status->end();) {
    const bool read = field.key() == "conditions" || field.key() == "podIP" ||
                      field.key() == "podIPs" || field.key() == "phase";
    field = read ? std::next(field) : status->erase(field);
  }
}

// "a=b,c=d"
std::string selector_text(const routing::LabelMap& selector) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : selector) parts.push_back(key + "=" + value);
  return join(parts, ",");
}

// Does a list of /apis/<group>/<version> name this plural?
bool serves(std::string_view text, std::string_view plural) {
  const Result<codec::Json> list = codec::parse_json(text);
  if (!list) return false;
  const codec::Json* resources = codec::find_key(*list, "resources");
  if (resources == nullptr || !resources->is_array()) return false;
  return std::ranges::any_of(*resources, [plural](const codec::Json& resource) {
    return codec::string_or(resource, "name", "") == plural;
  });
}

// A kind whose CRD may be missing, or come later.
struct OptionalKind {
  std::string kind;
  std::string plural;
  std::unique_ptr<Informer> informer = nullptr;
};

class KubeSource final : public EndpointSource {
 public:
  KubeSource(KubeSourceOptions options, kube::KubeClient& client, Clock& clock)
      : options_(std::move(options)), client_(client), clock_(clock), waker_(clock) {}

  ~KubeSource() override {
    stop_.request_stop();
    waker_.poke();
    if (thread_.joinable()) thread_.join();
  }

  void start(Changed changed) override {
    changed_ = std::move(changed);
    started_ = clock_.now();
    if (!options_.selected) {
      pools_ = make_informer(
          kPools, {.ns = options_.name_space, .field_selector = "metadata.name=" + options_.pool});
      pools_->start();
    }
    thread_ = std::jthread([this] { run(); });
  }

 private:
  struct KnownPod {
    std::string resource_version;
    std::vector<routing::Endpoint> endpoints;
  };

  std::unique_ptr<Informer> make_informer(ResourceType type, kube::InformerOptions options) {
    auto informer =
        std::make_unique<Informer>(client_, clock_, std::move(type), std::move(options));
    informer->on_change([this](const kube::Change&) { waker_.poke(); });
    return informer;
  }

  void run() {
    while (!stop_.stop_requested()) {
      find_crds();
      const bool complete = publish();
      waker_.wait(complete ? next_crd_check() : std::optional(milliseconds(50)));
    }
  }

  // None: every CRD was found.
  std::optional<milliseconds> next_crd_check() const {
    const bool all = std::ranges::all_of(
        optional_, [](const OptionalKind& kind) { return kind.informer != nullptr; });
    return all ? std::nullopt : std::optional(options_.crd_check);
  }

  void find_crds() {
    const SteadyTime now = clock_.now();
    if (crds_checked_ && now - *crds_checked_ < options_.crd_check) return;
    crds_checked_ = now;
    const Context context{.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10),
                          .stop = stop_.get_token()};
    for (const std::string_view group : kGroups) {
      if (!next_crd_check()) return;
      const Result<std::string> listed =
          client_.get_raw(context, "/apis/" + std::string(group) + "/" + std::string(kVersion));
      if (!listed) continue;
      for (OptionalKind& kind : optional_) {
        if (kind.informer || !serves(*listed, kind.plural)) continue;
        kind.informer = make_informer({.group = std::string(group),
                                       .version = std::string(kVersion),
                                       .kind = kind.kind,
                                       .plural = kind.plural},
                                      {.ns = options_.name_space});
        kind.informer->start();
        obs::log().info("watching a kind", {{"kind", kind.kind}, {"group", group}});
      }
    }
  }

  // The pool as it is now; none: it does not exist.
  std::optional<routing::InferencePool> find_pool() const {
    if (options_.selected) return options_.selected;
    const ObjectPtr object = pools_->find({.ns = options_.name_space, .name = options_.pool});
    if (!object) return std::nullopt;
    Result<routing::InferencePool> pool = routing::parse_inference_pool(object->document());
    if (pool) return *std::move(pool);
    obs::log().warn("the InferencePool is unusable",
                    {{"pool", options_.pool}, {"error", pool.error().message}});
    return std::nullopt;
  }

  // False: something has to be read before there is anything to tell.
  bool publish() {
    if (pools_ && !pools_->synced()) return false;
    const std::optional<routing::InferencePool> pool = find_pool();
    if (!pool && !published_) return true;  // Waits for the pool to be made.
    if (pool && !follow(*pool)) return false;
    if (!published_ && clock_.now() - started_ < options_.first_wait && !optional_synced()) {
      return false;
    }
    PoolContents contents{.objectives = read_objectives(), .rewrites = read_rewrites()};
    if (pool) contents.endpoints = read_endpoints(*pool);
    published_ = true;
    changed_(std::move(contents));
    return true;
  }

  // Watches the pods of the pool's selector. False: they are not all read yet.
  bool follow(const routing::InferencePool& pool) {
    if (!pods_ || pool != followed_) {
      known_pods_.clear();
      if (!pods_ || pool.selector != followed_->selector) {
        pods_ = make_informer(kPods, {.ns = options_.name_space,
                                      .label_selector = selector_text(pool.selector),
                                      .trim = trim_pod});
        pods_->start();
      }
      followed_ = pool;
    }
    return pods_->synced();
  }

  bool optional_synced() const {
    return std::ranges::all_of(optional_, [](const OptionalKind& kind) {
      return kind.informer == nullptr || kind.informer->synced();
    });
  }

  // Pods that have not changed are not parsed again.
  std::vector<routing::Endpoint> read_endpoints(const routing::InferencePool& pool) {
    std::map<apis::ObjectKey, KnownPod> pods;
    std::vector<routing::Endpoint> endpoints;
    for (const ObjectPtr& object : pods_->list()) {
      const std::string& version = object->meta().resource_version;
      const auto known = known_pods_.find(object->meta().key());
      KnownPod pod;
      if (known != known_pods_.end() && known->second.resource_version == version) {
        pod = std::move(known->second);
      } else {
        pod = {.resource_version = version,
               .endpoints = routing::endpoints_of_pod(pool, object->document())};
      }
      endpoints.insert(endpoints.end(), pod.endpoints.begin(), pod.endpoints.end());
      pods.emplace(object->meta().key(), std::move(pod));
    }
    known_pods_ = std::move(pods);
    return endpoints;
  }

  template <class Value>
  static std::vector<Value> read_all(const Informer* informer,
                                     Result<Value> (*parse)(const codec::Json&)) {
    std::vector<Value> values;
    if (informer == nullptr) return values;
    for (const ObjectPtr& object : informer->list()) {
      Result<Value> value = parse(object->document());
      if (value) {
        values.push_back(*std::move(value));
      } else {
        obs::log().warn("an object is left out", {{"kind", informer->type().kind},
                                                  {"name", object->meta().name},
                                                  {"error", value.error().message}});
      }
    }
    return values;
  }

  std::shared_ptr<const routing::Objectives> read_objectives() const {
    return std::make_shared<const routing::Objectives>(
        read_all<routing::InferenceObjective>(optional_[0].informer.get(),
                                              &routing::parse_inference_objective),
        options_.name_space, options_.pool);
  }

  std::shared_ptr<const routing::ModelRewrites> read_rewrites() const {
    return std::make_shared<const routing::ModelRewrites>(
        read_all<routing::InferenceModelRewrite>(optional_[1].informer.get(),
                                                 &routing::parse_inference_model_rewrite),
        options_.name_space, options_.pool);
  }

  const KubeSourceOptions options_;
  kube::KubeClient& client_;
  Clock& clock_;
  detail::Waker waker_;
  std::stop_source stop_;
  Changed changed_;
  SteadyTime started_;

  // Of the thread.
  bool published_ = false;
  std::optional<SteadyTime> crds_checked_;
  std::optional<routing::InferencePool> followed_;
  std::map<apis::ObjectKey, KnownPod> known_pods_;

  std::unique_ptr<Informer> pools_;  // Null in selector-only mode.
  std::unique_ptr<Informer> pods_;
  std::array<OptionalKind, 2> optional_{
      OptionalKind{.kind = "InferenceObjective", .plural = "inferenceobjectives"},
      OptionalKind{.kind = "InferenceModelRewrite", .plural = "inferencemodelrewrites"}};
  std::jthread thread_;  // Last: it uses everything above.
};

}  // namespace

std::unique_ptr<EndpointSource> make_kube_source(KubeSourceOptions options,
                                                 kube::KubeClient& client, Clock& clock) {
  return std::make_unique<KubeSource>(std::move(options), client, clock);
}

}  // namespace rage::picker
