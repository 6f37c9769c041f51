#include "operator/webhook_keeper.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "obs/log.h"
#include "operator/reconcile.h"
#include "operator/webhook_registration.h"

namespace rage::op {
namespace {

using std::chrono::milliseconds;
using Pause = std::optional<milliseconds>;

constexpr milliseconds kPassLimit{60'000};
constexpr milliseconds kBackoffMin{1'000};
constexpr milliseconds kBackoffMax{60'000};
constexpr int kSecretTries = 3;  // Each lost one is somebody else's success.

// Null if there is none.
Result<Json> find(const Context& context, kube::KubeClient& client, const ResourceType& type,
                  const ObjectKey& key) {
  auto found = client.get(context, type, key);
  if (found) return found;
  if (found.error().code == ErrorCode::kNotFound) return Json();
  return fail(std::move(found).error().with_context("reading " + type.kind + " " + key.str()));
}

}  // namespace

struct WebhookKeeper::State {
  State(kube::KubeClient& client_in, Clock& clock_in, WebhookKeeperOptions options_in,
        Serve serve_in)
      : client(client_in),
        clock(clock_in),
        options(std::move(options_in)),
        serve(std::move(serve_in)) {}

  Result<Pause> keep(const Context& context) {
    if (!options.target) return remove_registration(context);
    // The first certificate is served at once, whoever trusts it already: there is no other.
    if (handover.serving() == nullptr) RETURN_IF_ERROR(keep_certificate(context, false));
    // Read before the Secret: if they are newer than it, they have changed once we write.
    ASSIGN_OR_RETURN(const std::vector<Json> observed, observe(context));
    ASSIGN_OR_RETURN(const CertificatePlan plan, read_certificate(context));
    WebhookTarget target = *options.target;
    target.ca_pem = plan.bundle.ca_pem;
    const std::vector<Change> changes = plan_registration(observed, target);
    const Result<void> written = write_all(context, changes);
    offer(plan.bundle, written.has_value());
    RETURN_IF_ERROR(written);
    if (!changes.empty()) {
      obs::log().info("webhook registered", {{"changes", changes.size()}});
    }
    const auto due = std::chrono::ceil<milliseconds>(plan.renew_at - clock.wall_now());
    const milliseconds next = handover.waiting() ? options.settle : kWebhookCheckInterval;
    return std::clamp(due, milliseconds(0), next);
  }

  Result<Pause> remove_registration(const Context& context) {
    ASSIGN_OR_RETURN(const std::vector<Json> observed, observe(context));
    const std::vector<Change> changes = plan_removal(observed);
    RETURN_IF_ERROR(write_all(context, changes));
    if (!changes.empty()) {
      obs::log().info("webhook registration removed", {{"changes", changes.size()}});
    }
    return std::nullopt;
  }

  Result<void> keep_certificate(const Context& context, bool trusted) {
    ASSIGN_OR_RETURN(const CertificatePlan plan, read_certificate(context));
    offer(plan.bundle, trusted);
    return {};
  }

  void offer(const CertificateBundle& bundle, bool trusted) {
    if (!handover.offer(bundle, trusted, clock.now())) return;
    serve(bundle);
    obs::log().info("webhook serves with the certificate of its Secret",
                    {{"secret", options.secret.str()}});
  }

  Result<std::vector<Json>> observe(const Context& context) {
    std::vector<Json> observed;
    for (const RegisteredObject& object : registered_objects()) {
      ASSIGN_OR_RETURN(Json document, find(context, client, object.type, object.key));
      observed.push_back(std::move(document));
    }
    return observed;
  }

  // All are tried: one that is forbidden must not hold up the others.
  Result<void> write_all(const Context& context, const std::vector<Change>& changes) {
    Result<void> result;
    for (const Change& change : changes) {
      auto written = write_change(context, client, change);
      if (!written && result) result = fail(std::move(written).error());
    }
    return result;
  }

  // What the Secret holds, after it was made or renewed if it had to be.
  Result<CertificatePlan> read_certificate(const Context& context) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, serving_names(*options.target));
    for (int tries = 0; tries < kSecretTries; ++tries) {
      ASSIGN_OR_RETURN(Json secret, find(context, client, secret_type, options.secret));
      ASSIGN_OR_RETURN(CertificatePlan plan,
                       plan_certificate(secret, names, clock.wall_now(), handover.serving()));
      if (plan.secret_data.is_null()) return plan;
      auto written = write_secret(context, std::move(secret), plan.secret_data);
      if (written) {
        obs::log().info("webhook certificate made",
                        {{"secret", options.secret.str()}, {"reason", plan.reason}});
        return plan;
      }
      const bool lost =
          kube::is_conflict(written.error()) || written.error().code == ErrorCode::kAlreadyExists;
      if (!lost) return fail(std::move(written).error().with_context("writing its Secret"));
    }
    return fail(ErrorCode::kUnavailable, "other replicas keep writing the webhook's Secret");
  }

  // The rest of a Secret that is there (a chart's labels) stays, and its resourceVersion with it.
  Result<Json> write_secret(const Context& context, Json secret, const Json& data) {
    if (secret.is_object()) {
      if (!secret["data"].is_object()) secret["data"] = Json::object();
      secret["data"].update(data);
      return client.update(context, secret_type, secret);
    }
    secret = object_of(secret_type, options.secret);
    secret["type"] = "Opaque";
    secret["data"] = data;
    auto created = client.create(context, secret_type, secret);
    if (created || created.error().code != ErrorCode::kPermissionDenied) return created;
    return fail(std::move(created).error().with_context(
        "the Secret may not be created; with an empty one, leave to update it is enough"));
  }

  void run(const std::stop_token& stop) {
    milliseconds backoff = kBackoffMin;
    while (!stop.stop_requested()) {
      Context context = Context::with_timeout(kPassLimit);
      context.stop = stop;
      const Result<Pause> pause = keep(context);
      if (pause && !*pause) return;
      // Another replica's write came first: the next look finds it done.
      const bool failed = !pause && !kube::is_conflict(pause.error());
      if (failed && !stop.stop_requested()) {
        obs::log().warn("keeping the webhook registered failed",
                        {{"error", pause.error().message}});
      }
      if (!clock.sleep_for(pause ? **pause : backoff, stop)) return;
      backoff = pause ? kBackoffMin : std::min(backoff * 2, kBackoffMax);
    }
  }

  kube::KubeClient& client;
  Clock& clock;
  const WebhookKeeperOptions options;
  const Serve serve;
  const ResourceType& secret_type = apis::builtin_type("Secret");
  CertificateHandover handover{options.settle};  // The thread's.
  std::jthread thread;                           // Last: it uses all of the above.
};

WebhookKeeper::WebhookKeeper(kube::KubeClient& client, Clock& clock, WebhookKeeperOptions options,
                             Serve serve)
    : state_(std::make_unique<State>(client, clock, std::move(options), std::move(serve))) {}

WebhookKeeper::~WebhookKeeper() {
  stop();
}

void WebhookKeeper::start() {
  state_->thread =
      std::jthread([state = state_.get()](const std::stop_token& stop) { state->run(stop); });
}

void WebhookKeeper::stop() {
  state_->thread.request_stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<Pause> WebhookKeeper::keep(const Context& context) {
  return state_->keep(context);
}

}  // namespace rage::op
