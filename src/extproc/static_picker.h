// A picker without a scheduler: a fixed list of endpoints, taken in turn. For model servers that
// are all alike, and for trying out a proxy's configuration.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "picker/endpoint_picker.h"

namespace rage::extproc {

// "ip:port,[::1]:port". kInvalidArgument: none, or one without a port.
Result<std::vector<std::string>> parse_endpoints(std::string_view text);

// Resource. Thread-safe. Answers at once. The header test-epp-endpoint-selection (ip or ip:port, in
// its order) wins over the subset; nothing eligible: 503 rejected-no-endpoints.
class StaticPicker final : public picker::EndpointPicker {
 public:
  // `destinations_max`: how many of a pick are named, the later ones for retries.
  StaticPicker(std::vector<std::string> endpoints, std::size_t destinations_max)
      : endpoints_(std::move(endpoints)), destinations_max_(destinations_max) {}

  std::unique_ptr<picker::PickTicket> pick(picker::PickRequest request,
                                           std::function<void(picker::PickOutcome)> done) override;
  bool ready() const override { return !draining_.load(); }
  void begin_drain() override { draining_.store(true); }

 private:
  picker::PickOutcome choose(const picker::PickRequest& request);

  const std::vector<std::string> endpoints_;
  const std::size_t destinations_max_;
  std::atomic<std::uint64_t> turn_ = 0;
  std::atomic<bool> draining_ = false;
};

}  // namespace rage::extproc
