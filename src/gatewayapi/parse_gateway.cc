#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "gatewayapi/detail/parts.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi {
namespace {

using detail::kKindBytesMax;
using detail::kNameBytesMax;
using detail::Reader;

void read_tls(const Reader& fields, Listener& listener, std::string_view name_space) {
  const Reader tls = fields.child("tls");
  if (listener.protocol == "HTTP" && tls.exists()) {
    fields.refuse("tls", "must not be given for protocol HTTP; use HTTPS, or leave it out");
  }
  if (listener.protocol != "HTTPS") return;
  const std::string mode = tls.text("mode", kKindBytesMax, "Terminate");
  if (mode != "Terminate") {
    tls.refuse("mode", fmt::format("'{}' is not supported for HTTPS; use Terminate", mode));
  }
  for (const Reader& item : tls.items("certificateRefs", detail::kListenersMax)) {
    listener.certificates.push_back(detail::read_reference(item, "", "Secret", name_space));
  }
}

void read_allowed_routes(const Reader& fields, Listener& listener) {
  const Reader allowed = fields.child("allowedRoutes");
  const Reader namespaces = allowed.child("namespaces");
  const std::string from = namespaces.text("from", kKindBytesMax, "Same");
  if (from == "All") {
    listener.from = Listener::From::kAll;
  } else if (from == "Selector") {
    listener.from = Listener::From::kSelector;
    const Reader selector = namespaces.child("selector");
    if (!selector.exists()) namespaces.refuse("selector", "is required with from: Selector");
    listener.selector = detail::read_selector(selector);
  } else if (from != "Same") {
    listener.from = Listener::From::kNone;
    if (from != "None") {
      namespaces.refuse("from", fmt::format("'{}' is not one of All, Same, Selector", from));
    }
  }
  for (const Reader& item : allowed.items("kinds", 8)) {
    listener.kinds.push_back({.group = item.text("group", kNameBytesMax, kGatewayGroup),
                              .kind = item.required_text("kind", kKindBytesMax)});
  }
}

Listener read_listener(const Reader& item, std::string_view name_space) {
  Listener listener;
  const Reader fields = item.reporting_to(&listener.problems);
  listener.name = fields.required_text("name", kNameBytesMax);
  if (!listener.name.empty() && !detail::is_section_name(listener.name)) {
    fields.refuse("name", "must be lower-case letters, digits, '-' and '.'");
  }
  listener.port = fields.port("port").value_or(0);
  if (fields.find("port") == nullptr) fields.refuse("port", "is required");
  listener.protocol = fields.required_text("protocol", 255);
  listener.hostname = fields.text("hostname", kNameBytesMax);
  if (!listener.hostname.empty() && !is_hostname(listener.hostname, Wildcards::kAllowed)) {
    fields.refuse("hostname", fmt::format("'{}' is not a hostname in lower case, with or without "
                                          "'*.' before it",
                                          listener.hostname));
  }
  read_tls(fields, listener, name_space);
  read_allowed_routes(fields, listener);
  return listener;
}

void read_addresses(const Reader& spec, Gateway& gateway) {
  for (const Reader& item : spec.items("addresses", 16)) {
    GatewayAddress address{.type = item.text("type", kNameBytesMax, "IPAddress"),
                           .value = item.text("value", kNameBytesMax)};
    if (address.type != "IPAddress") {
      item.refuse("type", fmt::format("'{}' is not supported; use IPAddress", address.type),
                  "UnsupportedAddress");
    }
    gateway.addresses.push_back(std::move(address));
  }
}

}  // namespace

Result<GatewayClass> parse_gateway_class(const Json& document) {
  GatewayClass result;
  ASSIGN_OR_RETURN(result.meta, detail::read_meta(document));
  Problems problems;
  const Reader spec = Reader(&document, "", &problems).child("spec");
  result.controller = spec.required_text("controllerName", kNameBytesMax);
  result.has_parameters = spec.child("parametersRef").exists();
  if (!problems.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}", render_problems(problems));
  }
  if (const Json* status = codec::find_key(document, "status")) result.status = *status;
  return result;
}

Result<Gateway> parse_gateway(const Json& document) {
  Gateway gateway;
  ASSIGN_OR_RETURN(gateway.meta, detail::read_meta(document));
  const Reader spec = Reader(&document, "", &gateway.problems).child("spec");
  gateway.class_name = spec.required_text("gatewayClassName", kNameBytesMax);
  gateway.has_parameters = spec.child("infrastructure").child("parametersRef").exists();
  read_addresses(spec, gateway);
  std::set<std::string> names;
  for (const Reader& item : spec.items("listeners", detail::kListenersMax)) {
    Listener listener = read_listener(item, gateway.meta.name.name_space);
    if (!names.insert(listener.name).second) {
      item.refuse("name", fmt::format("'{}' is the name of another listener", listener.name),
                  "Invalid");
      continue;
    }
    gateway.listeners.push_back(std::move(listener));
  }
  if (gateway.listeners.empty()) spec.refuse("listeners", "at least one is required", "Invalid");
  if (const Json* status = codec::find_key(document, "status")) gateway.status = *status;
  return gateway;
}

}  // namespace rage::gatewayapi
