// What an HTTPRoute's filters do to a request. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "gateway/detail/message.h"
#include "gatewayapi/route_table.h"

namespace rage::gateway::detail {

struct FilterInput {
  std::string_view matched_prefix;  // Empty: the path was not matched by a prefix.
  std::string_view scheme;          // "http" or "https"
  std::uint16_t listener_port = 0;
};

// What they leave to do. Points into the rule.
struct FilterOutcome {
  std::optional<ResponseHead> redirect;  // The answer, at once.
  std::vector<const gatewayapi::HeaderEdits*> response_edits;
  std::vector<const gatewayapi::Mirror*> mirrors;
};

// Edits `head` and adds to `outcome`; stops at a redirect.
void apply_filters(const std::vector<gatewayapi::Filter>& filters, const FilterInput& input,
                   RequestHead& head, FilterOutcome& outcome);

// Removes, sets, then adds. Fields that frame a message are not among them: gatewayapi refuses
// those.
void edit_headers(const gatewayapi::HeaderEdits& edits, HeaderBlock& headers);

}  // namespace rage::gateway::detail
