// Who gets the next request: the policies that a routing study compares.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "routing/endpoint.h"

namespace rage::bench {

struct Choice {
  std::size_t endpoint = 0;
  // For Endpoint::in_flight.tokens: until the first token, and until the end.
  std::uint64_t load_tokens = 0;
  std::uint64_t load_output_tokens = 0;
};

// Resource. One thread.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual Choice choose(const std::string& prompt, std::uint64_t output_tokens,
                        std::span<const routing::Endpoint> endpoints, SteadyTime now) = 0;
};

std::span<const std::string_view> policy_names();
// One of these, or "rage:FILE": with the EndpointPickerConfig of that file.
Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::uint64_t seed);

}  // namespace rage::bench
