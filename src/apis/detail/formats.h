// Small formats that fields of our kinds have. Pure; each looks at a text once.
#pragma once

#include <string_view>

namespace rage::apis::detail {

bool is_dns_label(std::string_view text);      // RFC 1123: "my-model", at most 63 characters.
bool is_dns_subdomain(std::string_view text);  // Labels joined by dots, at most 253.
bool is_quantity(std::string_view text);       // "10Gi", "0.5", "1e3"
bool is_cron(std::string_view text);           // Five fields, or @hourly and its like.
bool is_mig_profile(std::string_view text);    // "3g.40gb"

// "registry:5000/path/name:tag@sha256:..."; only the name is required.
bool is_image_reference(std::string_view text);
// The same, with a path and a tag or digest.
bool is_tagged_image_reference(std::string_view text);

bool is_url(std::string_view text);  // Scheme, "://", a host; no spaces.
// A URL of http or https whose host is written as something outside of our own network: no
// localhost, no metadata service, no loopback, link-local or private address. What a name resolves
// to is not known here.
enum class PrivateHosts { kAllowed, kRefused };  // Loopback and metadata are refused either way.
bool is_fetchable_url(std::string_view text, PrivateHosts hosts);

}  // namespace rage::apis::detail
