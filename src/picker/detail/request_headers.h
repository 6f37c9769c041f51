// What headers of a request tell the picker. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http.h"

namespace rage::picker::detail {

inline constexpr std::string_view kDefaultFlow = "default-flow";

// The canonical x-llm-d-* name wins over the deprecated alias; empty if both are absent or empty.
std::string_view objective_name(const net::Headers& headers);
std::string_view model_rewrite(const net::Headers& headers);

// The header, else the first agent's session header that is there (`extra_sessions` before the
// well-known ones; names in lower case), else kDefaultFlow. At most 128 bytes of it, so that nobody
// fills tables and labels with one header.
std::string_view fairness_id(const net::Headers& headers,
                             std::span<const std::string> extra_sessions, bool agent_identity);

// Prefer: if-available, among other preferences (RFC 7240).
bool prefers_if_available(const net::Headers& headers);

// A positive number of milliseconds in x-llm-d-slo-ttft-ms or its alias; none on anything else.
std::optional<double> slo_ttft_ms(const net::Headers& headers);

// How long the client is willing to wait in a queue: x-llm-d-inference-ttl.
std::optional<std::chrono::milliseconds> request_ttl(const net::Headers& headers);

}  // namespace rage::picker::detail
