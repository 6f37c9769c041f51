#include "extproc/detail/health_calls.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "envoyapi/health.h"

namespace rage::extproc::detail {
namespace {

namespace pb = envoyapi::health;
using ServingStatus = pb::HealthCheckResponse::ServingStatus;

// Check and Watch differ in when they end.
class HealthCall final : public rpc::CallHandler {
 public:
  HealthCall(rpc::Call& call, const std::function<bool()>& ready, bool watches)
      : call_(call), ready_(ready), watches_(watches) {}

  void on_message(std::string_view bytes) override {
    pb::HealthCheckRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return call_.finish({rpc::StatusCode::kInternal, "the message is no HealthCheckRequest"});
    }
    service_ = request.service();
    tell();
    if (!watches_) call_.finish({});
  }
  void on_half_close() override {
    if (!service_) call_.finish({rpc::StatusCode::kInternal, "there is no request"});
  }
  void on_cancel() override { service_.reset(); }
  void on_tick(SteadyTime) override { tell(); }
  void on_drain() override {
    tell();
    call_.finish({});
  }

 private:
  void tell() {
    if (!service_) return;
    const bool serving = *service_ == "liveness" || ready_();
    const ServingStatus status =
        serving ? pb::HealthCheckResponse::SERVING : pb::HealthCheckResponse::NOT_SERVING;
    if (std::exchange(told_, status) == status) return;
    pb::HealthCheckResponse response;
    response.set_status(status);
    call_.send(response.SerializeAsString());
  }

  rpc::Call& call_;
  const std::function<bool()>& ready_;
  const bool watches_;
  std::optional<std::string> service_;
  std::optional<ServingStatus> told_;
};

}  // namespace

void add_health_methods(const std::function<bool()>& ready, rpc::Methods& methods) {
  for (const bool watches : {false, true}) {
    methods[watches ? "/grpc.health.v1.Health/Watch" : "/grpc.health.v1.Health/Check"] =
        [&ready, watches](rpc::Call& call) {
          return std::make_unique<HealthCall>(call, ready, watches);
        };
  }
}

}  // namespace rage::extproc::detail
