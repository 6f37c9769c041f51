// Kinds of the core API, and ReferenceGrant. The API server has checked them: what does not read is
// left out, and whoever needs it reports that it is not there.
#include <algorithm>

#include "base/base64.h"
#include "gatewayapi/detail/parts.h"

namespace rage::gatewayapi {
namespace {

using detail::kNameBytesMax;
using detail::Reader;

constexpr std::size_t kPortsMax = 1000;
constexpr std::size_t kEndpointsMax = 1000;  // The API's own limit of a slice.
constexpr std::size_t kPemBytesMax = 1 << 20;

// stringData wins over data, as in the API.
std::string read_secret_value(const Json& document, std::string_view key) {
  Problems ignored;
  const Reader fields(&document, "", &ignored);
  if (auto plain = fields.child("stringData").optional_text(key, kPemBytesMax)) {
    return *std::move(plain);
  }
  const std::string encoded = fields.child("data").text(key, kPemBytesMax);
  return decode_base64(encoded).value_or("");
}

std::string problem_of(const Json& document, const TlsSecret& secret) {
  const std::string type = codec::string_or(document, "type", "");
  if (type != "kubernetes.io/tls") return "its type is not kubernetes.io/tls";
  if (!secret.certificate_pem.contains("-----BEGIN CERTIFICATE-----")) {
    return "tls.crt is not a certificate in PEM";
  }
  const bool has_key =
      secret.key_pem.contains("-----BEGIN") && secret.key_pem.contains("PRIVATE KEY");
  return has_key ? "" : "tls.key is not a private key in PEM";
}

}  // namespace

Result<ReferenceGrant> parse_reference_grant(const Json& document) {
  ReferenceGrant grant;
  ASSIGN_OR_RETURN(grant.meta, detail::read_meta(document));
  Problems problems;
  const Reader spec = Reader(&document, "", &problems).child("spec");
  for (const Reader& item : spec.items("from", 16)) {
    grant.from.push_back({.group = item.text("group", kNameBytesMax),
                          .kind = item.required_text("kind", kNameBytesMax),
                          .name_space = item.required_text("namespace", kNameBytesMax)});
  }
  for (const Reader& item : spec.items("to", 16)) {
    grant.to.push_back({.group = item.text("group", kNameBytesMax),
                        .kind = item.required_text("kind", kNameBytesMax),
                        .name = item.text("name", kNameBytesMax)});
  }
  // A grant that is read by half could allow what it was not meant to: a name of a wrong type
  // would read as "any".
  if (!problems.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}", render_problems(problems));
  }
  return grant;
}

Result<Service> parse_service(const Json& document) {
  Service service;
  ASSIGN_OR_RETURN(service.meta, detail::read_meta(document));
  Problems ignored;
  const Reader spec = Reader(&document, "", &ignored).child("spec");
  service.external_name = spec.text("type", kNameBytesMax) == "ExternalName";
  for (const Reader& item : spec.items("ports", kPortsMax)) {
    ServicePort port{.name = item.text("name", kNameBytesMax),
                     .port = item.port("port").value_or(0),
                     .target = {},
                     .app_protocol = item.text("appProtocol", kNameBytesMax),
                     .protocol = item.text("protocol", kNameBytesMax, "TCP")};
    port.target = port.port;
    const Json* target = item.find("targetPort");
    if (target != nullptr && target->is_string()) port.target = target->get<std::string>();
    if (target != nullptr && !target->is_string()) {
      port.target = item.port("targetPort").value_or(port.port);
    }
    if (port.port != 0) service.ports.push_back(std::move(port));
  }
  return service;
}

const ServicePort* Service::find_port(std::uint16_t port) const {
  const auto at = std::ranges::find_if(
      ports, [&](const ServicePort& p) { return p.port == port && p.protocol == "TCP"; });
  return at == ports.end() ? nullptr : &*at;
}

Result<EndpointSlice> parse_endpoint_slice(const Json& document) {
  EndpointSlice slice;
  ASSIGN_OR_RETURN(slice.meta, detail::read_meta(document));
  const auto service = slice.meta.labels.find("kubernetes.io/service-name");
  if (service != slice.meta.labels.end()) slice.service = service->second;
  Problems ignored;
  const Reader fields(&document, "", &ignored);
  for (const Reader& item : fields.items("endpoints", kEndpointsMax)) {
    slice.endpoints.push_back({.addresses = item.texts("addresses", 100),
                               .ready = item.child("conditions").flag("ready").value_or(true)});
  }
  for (const Reader& item : fields.items("ports", kPortsMax)) {
    const std::optional<std::uint16_t> port = item.port("port");
    if (port && item.text("protocol", kNameBytesMax, "TCP") == "TCP") {
      slice.ports[item.text("name", kNameBytesMax)] = *port;
    }
  }
  return slice;
}

Result<TlsSecret> parse_tls_secret(const Json& document) {
  TlsSecret secret;
  ASSIGN_OR_RETURN(secret.meta, detail::read_meta(document));
  secret.certificate_pem = read_secret_value(document, "tls.crt");
  secret.key_pem = read_secret_value(document, "tls.key");
  secret.problem = problem_of(document, secret);
  return secret;
}

}  // namespace rage::gatewayapi
