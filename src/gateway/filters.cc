#include "gateway/detail/filters.h"

#include <string>
#include <utility>
#include <variant>

#include "base/strings.h"
#include "gateway/detail/forwarded.h"
#include "gatewayapi/filters.h"

namespace rage::gateway::detail {
namespace {

// Joined to the last of that name, as filters of gatewayapi do; cookies cannot be.
void add_header(HeaderBlock& headers, const std::string& name, const std::string& value) {
  std::string whole;
  if (name != "set-cookie") {
    for (std::size_t i = 0; i < headers.size(); ++i) {
      if (headers.name(i) == name) whole.append(headers.value(i)).append(",");
    }
  }
  if (whole.empty()) return headers.add(name, value);
  headers.set(name, whole + value);
}

ResponseHead redirect_of(const gatewayapi::Redirect& redirect, const FilterInput& input,
                         const RequestHead& head) {
  const std::string host = host_of(head.authority);
  ResponseHead reply{.status = redirect.status};
  reply.headers.add(
      "location", gatewayapi::render_location(redirect, {.scheme = input.scheme,
                                                         .host = host,
                                                         .port = input.listener_port,
                                                         .path = path_of(head.target),
                                                         .query = query_of(head.target),
                                                         .matched_prefix = input.matched_prefix}));
  return reply;
}

void rewrite(const gatewayapi::Rewrite& what, const FilterInput& input, RequestHead& head) {
  if (what.hostname) head.authority = *what.hostname;
  if (!what.path) return;
  const std::string_view path = path_of(head.target);
  std::string target = gatewayapi::rewritten_path(*what.path, path, input.matched_prefix);
  target += std::string_view(head.target).substr(path.size());
  head.target = std::move(target);
}

}  // namespace

void edit_headers(const gatewayapi::HeaderEdits& edits, HeaderBlock& headers) {
  for (const std::string& name : edits.remove) headers.remove(to_lower_ascii(name));
  for (const auto& [name, value] : edits.set) headers.set(to_lower_ascii(name), value);
  for (const auto& [name, value] : edits.add) add_header(headers, to_lower_ascii(name), value);
}

void apply_filters(const std::vector<gatewayapi::Filter>& filters, const FilterInput& input,
                   RequestHead& head, FilterOutcome& outcome) {
  for (const gatewayapi::Filter& filter : filters) {
    if (const auto* edits = std::get_if<gatewayapi::RequestHeaderEdits>(&filter.what)) {
      edit_headers(*edits, head.headers);
    } else if (const auto* later = std::get_if<gatewayapi::ResponseHeaderEdits>(&filter.what)) {
      outcome.response_edits.push_back(later);
    } else if (const auto* redirect = std::get_if<gatewayapi::Redirect>(&filter.what)) {
      outcome.redirect = redirect_of(*redirect, input, head);
      return;
    } else if (const auto* what = std::get_if<gatewayapi::Rewrite>(&filter.what)) {
      rewrite(*what, input, head);
    } else if (const auto* mirror = std::get_if<gatewayapi::Mirror>(&filter.what)) {
      outcome.mirrors.push_back(mirror);
    }
  }
}

}  // namespace rage::gateway::detail
