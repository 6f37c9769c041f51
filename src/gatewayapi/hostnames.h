// Hostnames of listeners and routes: exact ones, "*.example.com" for everything below example.com
// (any number of labels, but not example.com itself), and "" for any host.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rage::gatewayapi {

enum class Wildcards { kAllowed, kRefused };

// As RFC 1123 has it, lower case, no IP address; with kAllowed also "*." before one.
bool is_hostname(std::string_view text, Wildcards wildcards);

bool is_wildcard(std::string_view hostname);

// `host` as a client sent it, in lower case and without port.
bool matches_hostname(std::string_view pattern, std::string_view host);

// What both match; none: they have no host in common.
std::optional<std::string> intersect_hostnames(std::string_view a, std::string_view b);

// The more specific of two patterns that match one host is greater: an exact one before a wildcard,
// the longer wildcard before the shorter, "" last.
std::size_t specificity(std::string_view pattern);

}  // namespace rage::gatewayapi
