// Admission and conversion, as the API server asks for them over HTTPS. Bytes in, bytes out: no
// cluster is read and nothing is kept, so any number of replicas may answer.
// Source: Kubernetes, "Dynamic admission control", "Webhook conversion".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "apis/validation.h"
#include "codec/json.h"
#include "net/http.h"
#include "operator/settings.h"

namespace rage::op {

using codec::Json;

// Depth is larger for conversion, so that whatever has been admitted can be converted.
inline constexpr codec::JsonLimits kAdmissionLimits = {.bytes_max = std::size_t{8} << 20,
                                                       .depth_max = 64};
inline constexpr codec::JsonLimits kConversionLimits = {.bytes_max = std::size_t{64} << 20,
                                                        .depth_max = 256};

// Every path that is answered: a closed set, for metrics.
std::vector<std::string> webhook_paths();

apis::ValidationSettings validation_settings(const Settings& settings);

// POST /validate/<x>.kaito.sh and /convert; 404 and 405 otherwise. Malformed: 400 with a sentence;
// over the limits: 413.
net::HttpResponse answer_webhook(const net::HttpRequest& request,
                                 const apis::ValidationSettings& settings);

// admission.k8s.io/v1 AdmissionReview. Writes of the status, of an object that is being deleted,
// and deletions are always admitted: refusing them would only hold back the repair.
net::HttpResponse review_admission(std::string_view body, const apis::ValidationSettings& settings);
// apiextensions.k8s.io/v1 ConversionReview. One object that cannot be converted fails all of them.
net::HttpResponse review_conversion(std::string_view body);

// Where the API server finds us.
struct WebhookTarget {
  std::string service_namespace;
  std::string service_name;
  int service_port = 443;
  std::string url_base = {};  // Given: instead of the service. "https://127.0.0.1:9443"
  std::string ca_pem = {};
};

// What our certificate has to be valid for: the service's DNS names, or the host of url_base.
// kInvalidArgument: url_base is not https://HOST or https://HOST:PORT.
Result<std::vector<std::string>> serving_names(const WebhookTarget& target);

// ValidatingWebhookConfiguration documents with upstream's names, so that they replace its own: one
// for each of workspace, inferenceset, ragengine, modelmirror, multiroleinference; and one for
// autoindexer, which upstream does not have.
std::vector<Json> render_webhook_configurations(const WebhookTarget& target);

// spec.conversion of a CustomResourceDefinition.
Json render_conversion(const WebhookTarget& target);

}  // namespace rage::op
