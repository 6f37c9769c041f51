// Keeps the webhook reachable and trusted: its certificate in a Secret that all replicas share, and
// its registration. Every replica does so, leader or not: each needs the certificate, and what they
// write is the same.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "kube/client.h"
#include "operator/certificates.h"
#include "operator/webhook.h"

namespace rage::op {

// The CRDs and configurations are looked at this often; a person may have put them back.
inline constexpr std::chrono::milliseconds kWebhookCheckInterval{20'000};

struct WebhookKeeperOptions {
  // None: takes out what is registered, once. Its ca_pem is filled in from the Secret.
  std::optional<WebhookTarget> target;
  kube::ObjectKey secret = {.ns = "kaito-workspace", .name = "workspace-webhook-cert"};
  // How long API servers get to hear of a new CA, before a certificate of it is served.
  std::chrono::milliseconds settle{10'000};
};

// Resource. Thread-safe. Owns one thread from start() on. Client and clock outlive it.
class WebhookKeeper final {
 public:
  // `serve` gets the certificate to serve with from now on; it must not block.
  using Serve = std::function<void(const CertificateBundle&)>;

  WebhookKeeper(kube::KubeClient& client, Clock& clock, WebhookKeeperOptions options, Serve serve);
  ~WebhookKeeper();  // Stops.
  WebhookKeeper(const WebhookKeeper&) = delete;
  WebhookKeeper& operator=(const WebhookKeeper&) = delete;

  // Looks at once, then every kWebhookCheckInterval and when the certificate is due. What fails is
  // logged and tried again, with a back-off of 1 s to a minute.
  void start();
  void stop();  // Idempotent; joins. What is registered stays: others serve, or we come back.

  // One look: when to look again; none: never. Not beside start().
  Result<std::optional<std::chrono::milliseconds>> keep(const Context& context);

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace rage::op
