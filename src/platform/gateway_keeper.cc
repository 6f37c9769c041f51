#include "platform/gateway_keeper.h"

#include <utility>
#include <vector>

#include "apis/kinds.h"
#include "kube/controller.h"
#include "kube/informer.h"

namespace rage::platform {
namespace {

apis::ResourceType gateway_type(const char* kind, const char* plural, bool namespaced) {
  return {.group = "gateway.networking.k8s.io",
          .version = "v1",
          .kind = kind,
          .plural = plural,
          .namespaced = namespaced};
}

}  // namespace

struct GatewayKeeper::State final : kube::Reconciler {
  State(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics, SystemSettings given)
      : client(client),
        settings(std::move(given)),
        classes(client, clock, gateway_type("GatewayClass", "gatewayclasses", false)),
        gateways(client, clock, gateway_type("Gateway", "gateways", true)),
        controller(*this, clock, metrics, {.name = "gateway-keeper", .workers = 1}) {
    controller.watch(gateways);
    controller.watch(classes, [this](const kube::Object&) {
      std::vector<apis::ObjectKey> keys;
      for (const auto& gateway : gateways.list()) keys.push_back(gateway->meta().key());
      return keys;
    });
  }

  Result<kube::Outcome> reconcile(const Context& context, const apis::ObjectKey& key) override {
    const auto gateway = gateways.find(key);
    if (!gateway || gateway->meta().deleting) return kube::Outcome::done();
    std::vector<Json> known;
    for (const auto& each : classes.list()) known.push_back(each->document());
    for (const Json& object : gateway_objects(settings, gateway->document(), known)) {
      const auto& type = apis::builtin_type(codec::string_or(object, "kind", ""));
      RETURN_IF_ERROR(client.apply(context, type, object, {.field_manager = kFieldManager}));
    }
    return kube::Outcome::done();
  }

  kube::KubeClient& client;
  const SystemSettings settings;
  kube::Informer classes;
  kube::Informer gateways;
  kube::Controller controller;  // Last: it uses everything above.
};

GatewayKeeper::GatewayKeeper(kube::KubeClient& client, Clock& clock, obs::MetricRegistry& metrics,
                             SystemSettings settings)
    : state_(std::make_unique<State>(client, clock, metrics, std::move(settings))) {}

GatewayKeeper::~GatewayKeeper() {
  drain(std::chrono::milliseconds(0));
}

Result<void> GatewayKeeper::start(const Context& context) {
  state_->classes.start();
  state_->gateways.start();
  RETURN_IF_ERROR(state_->classes.wait_synced(context));
  RETURN_IF_ERROR(state_->gateways.wait_synced(context));
  state_->controller.start();
  return {};
}

void GatewayKeeper::drain(std::chrono::milliseconds limit) {
  state_->controller.drain(limit);
  state_->gateways.stop();
  state_->classes.stop();
}

}  // namespace rage::platform
