// The HTTPS listener behind which webhook.h answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "obs/metrics.h"
#include "operator/certificates.h"
#include "operator/webhook.h"

namespace rage::op {

struct WebhookServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 9443;  // 0: any free one.
  apis::ValidationSettings validation;
};

// Resource. Thread-safe. Listens from create() on; until use() there is no certificate, and
// handshakes are refused. Clock and registry outlive it.
class WebhookServer final {
 public:
  struct State;
  explicit WebhookServer(std::unique_ptr<State> state);  // create() is the way.
  static Result<std::unique_ptr<WebhookServer>> create(Clock& clock, obs::MetricRegistry& metrics,
                                                       const WebhookServerOptions& options);
  ~WebhookServer();

  // From the next handshake on; open connections stay as they are.
  void use(const CertificateBundle& bundle);
  bool serving() const;  // There is a certificate.
  std::uint16_t port() const;
  void drain(std::chrono::milliseconds limit);

 private:
  const std::unique_ptr<State> state_;
};

}  // namespace rage::op
