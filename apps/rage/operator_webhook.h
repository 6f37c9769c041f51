// The operator's webhook, wired: flags, listener, and the keeper of its certificate and
// registration.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "kube/client.h"
#include "obs/metrics.h"
#include "operator/settings.h"
#include "operator/webhook_keeper.h"
#include "operator/webhook_server.h"

namespace rage::app {

struct WebhookFlags {
  std::string enabled;  // "true", "false"; empty: as soon as it is said how it is reached.
  std::string bind_address = "127.0.0.1:9443";
  std::string url_base;
  std::string service;
  int service_port = 443;
};

void add_webhook_options(CLI::App& command, WebhookFlags& flags);

// Resource. Thread-safe. Client, clock and registry outlive it.
class OperatorWebhook final {
 public:
  // Listens, and begins to register. Without a way to be reached nothing is touched; told
  // "false", what is registered is taken out.
  static Result<std::unique_ptr<OperatorWebhook>> start(kube::KubeClient& client, Clock& clock,
                                                        obs::MetricRegistry& metrics,
                                                        const op::Settings& settings,
                                                        const WebhookFlags& flags);

  bool on() const { return server_ != nullptr; }
  bool serving() const { return on() && server_->serving(); }
  // Goes on serving until API servers have heard that this replica is no longer ready.
  void drain();

 private:
  Result<void> listen(Clock& clock, obs::MetricRegistry& metrics, const op::Settings& settings,
                      const WebhookFlags& flags);

  std::unique_ptr<op::WebhookServer> server_;  // Null: off.
  std::unique_ptr<op::WebhookKeeper> keeper_;  // Last: it hands certificates to the server.
  Clock* clock_ = nullptr;
  bool behind_service_ = false;
};

}  // namespace rage::app
