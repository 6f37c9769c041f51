// Addresses that nobody outside may make us talk to.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace rage::net {

// This host (loopback, unspecified), link-local and multicast addresses, and the metadata services
// of clouds that are not link-local. Private networks are not: they are where clusters live.
bool is_local_address(const sockaddr& address);

// All addresses of a host name, as text; brackets around an IPv6 address are taken off. Blocks.
// kUnavailable if the name is not known, kPermissionDenied if one of them is local.
Result<std::vector<std::string>> resolve_not_local(const std::string& host);

}  // namespace rage::net
