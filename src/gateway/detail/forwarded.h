// What a gateway says of a client, and what it does not let the client say. Pure.
#pragma once

#include <string>
#include <string_view>

#include "gateway/detail/message.h"

namespace rage::gateway::detail {

// Headers by which a gateway and its pickers talk to each other and to model servers. A client that
// could set them would choose endpoints, priorities and whom a model server connects to.
bool is_picker_header(std::string_view name);

// x-forwarded-for (appended), x-forwarded-proto, and x-request-id unless there is a usable one.
void add_forwarded(RequestHead& head, std::string_view peer, std::string_view scheme,
                   std::string_view request_id);

// "A.example:8080" is "a.example", "[::1]:80" is "[::1]".
std::string host_of(std::string_view authority);

std::string_view path_of(std::string_view target);
std::string_view query_of(std::string_view target);

}  // namespace rage::gateway::detail
