#include <algorithm>
#include <array>

#include "base/strings.h"
#include "picker/detail/request_headers.h"
#include "routing/flow_options.h"

namespace rage::picker::detail {
namespace {

constexpr std::size_t kFairnessIdMax = 128;
constexpr std::array<std::string_view, 4> kSessionHeaders = {
    "x-claude-code-session-id", "x-session-affinity", "session-id", "session_id"};

std::string_view either(const net::Headers& headers, std::string_view canonical,
                        std::string_view alias) {
  const std::string_view value = trim(headers.find(canonical));
  return value.empty() ? trim(headers.find(alias)) : value;
}

}  // namespace

std::string_view objective_name(const net::Headers& headers) {
  return either(headers, "x-llm-d-inference-objective", "x-gateway-inference-objective");
}

std::string_view model_rewrite(const net::Headers& headers) {
  return either(headers, "x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite");
}

std::string_view fairness_id(const net::Headers& headers,
                             std::span<const std::string> extra_sessions, bool agent_identity) {
  std::string_view id =
      either(headers, "x-llm-d-inference-fairness-id", "x-gateway-inference-fairness-id");
  const auto take = [&](std::string_view name) {
    if (id.empty()) id = trim(headers.find(name));
  };
  if (agent_identity) {
    std::ranges::for_each(extra_sessions, take);
    std::ranges::for_each(kSessionHeaders, take);
  }
  return id.empty() ? kDefaultFlow : id.substr(0, kFairnessIdMax);
}

bool prefers_if_available(const net::Headers& headers) {
  for (const auto& [name, value] : headers.entries()) {
    if (!equals_ignoring_case(name, "prefer")) continue;
    for (const std::string_view part : split(value, ',')) {
      if (equals_ignoring_case(trim(part.substr(0, part.find(';'))), "if-available")) return true;
    }
  }
  return false;
}

std::optional<double> slo_ttft_ms(const net::Headers& headers) {
  const auto value = parse_double(either(headers, "x-llm-d-slo-ttft-ms", "x-slo-ttft-ms"));
  if (!value || !(*value > 0) || *value > 1e9) return std::nullopt;
  return value;
}

std::optional<std::chrono::milliseconds> request_ttl(const net::Headers& headers) {
  return routing::parse_request_ttl(trim(headers.find("x-llm-d-inference-ttl")));
}

}  // namespace rage::picker::detail
