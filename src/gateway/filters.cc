#include "gateway/detail/filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <variant>

#include "base/strings.h"

namespace rage::gateway::detail {
namespace {

using gatewayapi::PathEdit;

bool is_ours(std::string_view name) {
  return name == "content-length" || name == "transfer-encoding" || name == "connection" ||
         name == "host";
}

std::string_view without_trailing_slash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

std::string edit_path(const PathEdit& edit, std::string_view path, std::string_view prefix) {
  if (edit.kind == PathEdit::Kind::kReplaceFullPath) return edit.value;
  const std::string_view matched = without_trailing_slash(prefix);
  if (!path.starts_with(matched)) return std::string(path);
  std::string edited(without_trailing_slash(edit.value));
  edited += path.substr(matched.size());
  return edited.empty() ? "/" : edited;
}

std::string edit_target(const PathEdit& edit, std::string_view target, std::string_view prefix) {
  const std::size_t mark = std::min(target.find('?'), target.size());
  std::string edited = edit_path(edit, target.substr(0, mark), prefix);
  edited += target.substr(mark);
  return edited;
}

std::string_view without_port(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  if (colon == authority.npos || authority.find(']', colon) != authority.npos) return authority;
  return authority.substr(0, colon);
}

ResponseHead redirect_of(const gatewayapi::Redirect& redirect, const FilterInput& input,
                         const RequestHead& head) {
  const std::string scheme = redirect.scheme.value_or(std::string(input.scheme));
  const std::string host = redirect.hostname.value_or(std::string(without_port(head.authority)));
  const std::uint16_t standard = scheme == "https" ? 443 : 80;
  const std::uint16_t port =
      redirect.port.value_or(redirect.scheme ? standard : input.listener_port);
  const std::string target =
      redirect.path ? edit_target(*redirect.path, head.target, input.matched_prefix) : head.target;
  ResponseHead reply{.status = redirect.status};
  reply.headers.add("location", port == standard
                                    ? fmt::format("{}://{}{}", scheme, host, target)
                                    : fmt::format("{}://{}:{}{}", scheme, host, port, target));
  return reply;
}

void rewrite(const gatewayapi::Rewrite& what, const FilterInput& input, RequestHead& head) {
  if (what.hostname) head.authority = *what.hostname;
  if (what.path) head.target = edit_target(*what.path, head.target, input.matched_prefix);
}

}  // namespace

void edit_headers(const gatewayapi::HeaderEdits& edits, HeaderBlock& headers) {
  for (const auto& [name, value] : edits.set) {
    const std::string lower = to_lower_ascii(name);
    if (!is_ours(lower)) headers.set(lower, value);
  }
  for (const auto& [name, value] : edits.add) {
    if (!is_ours(to_lower_ascii(name))) headers.add(name, value);
  }
  for (const std::string& name : edits.remove) headers.remove(to_lower_ascii(name));
}

void apply_filters(const std::vector<gatewayapi::Filter>& filters, const FilterInput& input,
                   RequestHead& head, FilterOutcome& outcome) {
  for (const gatewayapi::Filter& filter : filters) {
    if (const auto* edits = std::get_if<gatewayapi::RequestHeaderEdits>(&filter.what)) {
      edit_headers(*edits, head.headers);
      for (const auto& [name, value] : edits->set) {
        if (equals_ignoring_case(name, "host")) head.authority = value;
      }
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
