// grpc.health.v1: Check and Watch, under every name: charts ask for "inference-extension", Envoy
// for the service's own name, others for "" or "readiness". "liveness" alone is true while we run.
#pragma once

#include <functional>
#include <list>
#include <string>

#include "base/mutex.h"
#include "envoyapi/health.h"

namespace rage::extproc::detail {

// Resource. Thread-safe. `ready` outlives it.
class HealthService final : public envoyapi::health::Health::CallbackService {
 public:
  explicit HealthService(std::function<bool()> ready) : ready_(std::move(ready)) {}

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const envoyapi::health::HealthCheckRequest* request,
                                  envoyapi::health::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<envoyapi::health::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const envoyapi::health::HealthCheckRequest* request) override;

  // Tells watchers what has changed since.
  void poll();
  // Tells them a last time and ends their streams: they would hold up the server's end.
  void end_watches();

 private:
  class Watcher;
  using Status = envoyapi::health::HealthCheckResponse::ServingStatus;

  Status status_of(const std::string& service) const;
  void remove(std::list<Watcher*>::iterator place);

  const std::function<bool()> ready_;
  Mutex mutex_;
  std::list<Watcher*> watchers_ GUARDED_BY(mutex_);
  bool ending_ GUARDED_BY(mutex_) = false;
};

}  // namespace rage::extproc::detail
