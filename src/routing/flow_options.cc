#include "routing/flow_options.h"

#include "base/strings.h"
#include "routing/detail/parameter_reader.h"

namespace rage::routing {

const BandOptions& FlowControlOptions::band(std::int32_t priority) const {
  if (const auto declared = bands.find(priority); declared != bands.end()) return declared->second;
  return priority < 0 && default_negative_band ? *default_negative_band : default_band;
}

Result<void> FlowControlOptions::validate() const {
  using std::chrono::milliseconds;
  const auto bad = [](std::optional<milliseconds> time) {
    return time && (*time < milliseconds(0) || *time > kTtlMax);
  };
  bool bad_ttl = bad(request_ttl) || bad(no_endpoint_ttl) || bad(idle_band_ttl) ||
                 bad(idle_flow_ttl) || bad(default_band.request_ttl);
  if (default_negative_band) bad_ttl |= bad(default_negative_band->request_ttl);
  for (const auto& [priority, band] : bands) bad_ttl |= bad(band.request_ttl);
  if (bad_ttl) {
    return fail(ErrorCode::kInvalidArgument, "flow control: a TTL is negative or above a year");
  }
  if (bands.size() > bands_max) {
    return fail(ErrorCode::kInvalidArgument, "flow control: more than {} priority bands",
                bands_max);
  }
  if (service_half_life < std::chrono::seconds(1) || service_half_life > kTtlMax) {
    return fail(ErrorCode::kInvalidArgument,
                "flow control: the half-life must be between a second and a year");
  }
  if (retry_after_min < std::chrono::seconds(1) || retry_after_max < retry_after_min) {
    return fail(ErrorCode::kInvalidArgument, "flow control: bad bounds of Retry-After");
  }
  return usage_limit.validate();
}

std::optional<std::chrono::milliseconds> parse_request_ttl(std::string_view header) {
  const auto ttl = detail::parse_go_duration(trim(header));
  return ttl && ttl->count() > 0 ? ttl : std::nullopt;
}

}  // namespace rage::routing
