// What filters do to a request, a response or a redirect, as pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewayapi/route_table.h"

namespace rage::gatewayapi {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Removes, then sets, then adds; names compare without case. What is added is joined to the last
// value of that name by a comma, set-cookie excepted.
void apply_header_edits(const HeaderEdits& edits, HeaderList& headers);

// The path to forward or to redirect to, never empty. `matched_prefix` is Match's. The query is not
// part of it.
std::string rewritten_path(const PathEdit& edit, std::string_view path,
                           std::string_view matched_prefix);

struct RedirectContext {
  std::string_view scheme;  // Of the request: "http" or "https".
  std::string_view host;    // Of the Host header, without port; IPv6 in brackets.
  std::uint16_t port = 0;   // The listener's.
  std::string_view path;
  std::string_view query;  // Kept.
  std::string_view matched_prefix;
};

// The value of `location`.
std::string render_location(const Redirect& redirect, const RedirectContext& context);

// `random` is uniform in [0, 1).
bool is_mirrored(const Mirror& mirror, double random);

// Whether `path` has "//", "/./", "/../" or such a segment at its end, also written with %2e: what
// a backend might read as another path than the one that was matched.
bool is_ambiguous_path(std::string_view path);

}  // namespace rage::gatewayapi
