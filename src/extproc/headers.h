// Headers that matter here by name, and what a client may not say (trust boundary): who could set
// them would choose the host that a request, or a prefill, is sent to.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "extproc/message.h"
#include "net/http.h"

namespace rage::extproc {

inline constexpr std::string_view kDestinationHeader = "x-gateway-destination-endpoint";
inline constexpr std::string_view kDroppedReasonHeader = "x-llm-d-request-dropped-reason";
inline constexpr std::string_view kRequestId = "x-request-id";

// What only a gateway or a picker says.
inline constexpr std::array<std::string_view, 8> kNotForClients = {
    kDestinationHeader,
    "x-gateway-destination-endpoint-subset",
    "x-gateway-destination-endpoint-served",
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-kv-cache-source-host-port",
    "x-data-parallel-host-port",
    kDroppedReasonHeader,
};

inline constexpr std::size_t kHeaderValueBytesMax = 8 << 10;

bool is_pseudo_header(std::string_view name);
// RFC 9110 tokens and field values; a proxy answers 500 to a change that is neither.
bool is_header_name(std::string_view name);
bool is_header_value(std::string_view value);

// Of `sent`, those in kNotForClients that `set` does not replace.
std::vector<std::string> headers_to_remove(const net::Headers& sent, const Fields& set);

// Without pseudo headers and without what is not for clients.
net::Headers client_headers(const net::Headers& sent);

}  // namespace rage::extproc
