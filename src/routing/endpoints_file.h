// Endpoints without Kubernetes: a file that lists them (llm-d router, file-discovery).
//
//   endpoints:
//   - {name: a, namespace: default, address: 10.0.0.1, port: "8000", labels: {llm-d.ai/role:
//   decode}}
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "routing/endpoint.h"

namespace rage::routing {

inline constexpr std::size_t kEndpointsFileBytesMax = std::size_t{1} << 20;

// YAML or JSON. The address is a literal IPv4 or IPv6 one, the port a string or a number. Of two
// endpoints with one namespace and name the last holds, in the place of the first.
// kInvalidArgument names the entry and the field, unknown ones among it; kResourceExhausted: too
// large.
Result<std::vector<Endpoint>> parse_endpoints_file(std::string_view text);

}  // namespace rage::routing
