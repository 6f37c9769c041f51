#include "operator/webhook.h"

#include <algorithm>
#include <array>
#include <utility>

#include "apis/conversion.h"
#include "base/base64.h"
#include "operator/certificates.h"

namespace rage::op {
namespace {

using net::HttpResponse;

constexpr const char* kAdmissionVersion = "admission.k8s.io/v1";
constexpr const char* kConversionVersion = "apiextensions.k8s.io/v1";
constexpr const char* kConvertPath = "/convert";
constexpr std::size_t kUidBytesMax = 256;

struct Validated {
  std::string_view name;  // In paths and names of configurations.
  std::string_view plural;
  bool beta;  // Served as v1beta1, too.
  bool namespaced = true;
};

constexpr std::array<Validated, 6> kValidated = {
    {{.name = "workspace", .plural = "workspaces", .beta = true},
     {.name = "inferenceset", .plural = "inferencesets", .beta = true},
     {.name = "ragengine", .plural = "ragengines", .beta = true},
     {.name = "modelmirror", .plural = "modelmirrors", .beta = false, .namespaced = false},
     {.name = "multiroleinference", .plural = "multiroleinferences", .beta = false},
     {.name = "autoindexer", .plural = "autoindexers", .beta = false}}};

std::string path_of(const Validated& kind) {
  return fmt::format("/validate/{}.kaito.sh", kind.name);
}

// The API server shows a refusing webhook's body to the user.
HttpResponse plain(int status, std::string text) {
  return {.status = status,
          .headers = {{"content-type", "text/plain; charset=utf-8"}},
          .body = std::move(text)};
}

HttpResponse refused(const Error& error) {
  return plain(error.code == ErrorCode::kResourceExhausted ? 413 : 400, error.message);
}

struct Review {
  std::string uid;
  Json request;
};

// What both reviews have in common.
Result<Review> parse_review(std::string_view body, const codec::JsonLimits& limits,
                            std::string_view api_version, std::string_view kind) {
  if (body.size() > limits.bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "a {} may have {} bytes at most", kind,
                limits.bytes_max);
  }
  auto review = codec::parse_json(body, limits);
  if (!review) return fail(std::move(review).error().with_context(kind));
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, "{}: {}", kind, why);
  };
  if (codec::string_or(*review, "kind", "") != kind ||
      codec::string_or(*review, "apiVersion", "") != api_version) {
    return refuse(fmt::format("expected kind {} of {}", kind, api_version));
  }
  const auto request = review->find("request");
  if (request == review->end() || !request->is_object()) return refuse("request is missing");
  std::string uid = codec::string_or(*request, "uid", "");
  if (uid.empty() || uid.size() > kUidBytesMax) return refuse("request.uid is missing or too long");
  return Review{.uid = std::move(uid), .request = std::move(*request)};
}

HttpResponse reply(std::string_view api_version, std::string_view kind, Json response) {
  const Json review = {
      {"apiVersion", api_version}, {"kind", kind}, {"response", std::move(response)}};
  return HttpResponse::json(200, codec::render_json(review));
}

HttpResponse admit(const std::string& uid, const apis::Verdict& verdict) {
  const bool allowed = verdict.violations.empty();
  Json response = {{"uid", uid}, {"allowed", allowed}};
  if (!allowed) {
    response["status"] = {{"status", "Failure"},
                          {"message", verdict.message()},
                          {"reason", "BadRequest"},
                          {"code", 400}};
  }
  if (!verdict.warnings.empty()) response["warnings"] = verdict.warnings;
  return reply(kAdmissionVersion, "AdmissionReview", std::move(response));
}

const Json& member_or_null(const Json& object, std::string_view key) {
  static const Json null;
  const Json* found = codec::find_key(object, key);
  return found != nullptr ? *found : null;
}

bool is_being_deleted(const Json& object) {
  const Json& time = member_or_null(member_or_null(object, "metadata"), "deletionTimestamp");
  return time.is_string() && !time.get_ref<const std::string&>().empty();
}

HttpResponse conversion_failed(const std::string& uid, std::string message) {
  return reply(kConversionVersion, "ConversionReview",
               {{"uid", uid},
                {"result", {{"status", "Failure"}, {"message", std::move(message)}}},
                {"convertedObjects", Json::array()}});
}

Json client_config(const WebhookTarget& target, const std::string& path) {
  Json config;
  if (target.url_base.empty()) {
    config["service"] = {{"namespace", target.service_namespace},
                         {"name", target.service_name},
                         {"path", path},
                         {"port", target.service_port}};
  } else {
    config["url"] = target.url_base + path;
  }
  config["caBundle"] = encode_base64(target.ca_pem);
  return config;
}

Json configuration_of(const Validated& kind, const WebhookTarget& target) {
  const std::string name = fmt::format("validation.{}.kaito.sh", kind.name);
  Json versions = Json::array({"v1alpha1"});
  if (kind.beta) versions.push_back("v1beta1");
  // Not on <plural>/status: our own status writes need nobody's leave.
  const Json rule = {{"apiGroups", {"kaito.sh"}},
                     {"apiVersions", std::move(versions)},
                     {"operations", {"CREATE", "UPDATE"}},
                     {"resources", Json::array({kind.plural})},
                     {"scope", kind.namespaced ? "Namespaced" : "Cluster"}};
  const Json webhook = {{"name", name},
                        {"clientConfig", client_config(target, path_of(kind))},
                        {"rules", Json::array({rule})},
                        {"failurePolicy", "Fail"},
                        {"matchPolicy", "Equivalent"},
                        {"sideEffects", "None"},
                        {"timeoutSeconds", 5},
                        {"admissionReviewVersions", Json::array({"v1"})}};
  return {{"apiVersion", "admissionregistration.k8s.io/v1"},
          {"kind", "ValidatingWebhookConfiguration"},
          {"metadata", {{"name", name}}},
          {"webhooks", Json::array({webhook})}};
}

}  // namespace

HttpResponse review_admission(std::string_view body, const apis::ValidationSettings& settings) {
  const auto review = parse_review(body, kAdmissionLimits, kAdmissionVersion, "AdmissionReview");
  if (!review) return refused(review.error());
  const Json& request = review->request;
  const std::string operation = codec::string_or(request, "operation", "");
  const bool writes = operation == "CREATE" || operation == "UPDATE";
  if (!writes || codec::string_or(request, "subResource", "") == "status") {
    return admit(review->uid, {});
  }
  const Json& object = member_or_null(request, "object");
  if (!object.is_object()) {
    return plain(400, "AdmissionReview: request.object is missing");
  }
  const Json& before = member_or_null(request, "oldObject");
  if (is_being_deleted(object) || is_being_deleted(before)) return admit(review->uid, {});
  return admit(review->uid, apis::validate(object, before, settings));
}

HttpResponse review_conversion(std::string_view body) {
  const auto review = parse_review(body, kConversionLimits, kConversionVersion, "ConversionReview");
  if (!review) return refused(review.error());
  const std::string version = codec::string_or(review->request, "desiredAPIVersion", "");
  const Json& objects = member_or_null(review->request, "objects");
  if (version.empty() || !objects.is_array()) {
    return plain(400, "ConversionReview: request.desiredAPIVersion or request.objects is missing");
  }
  Json converted = Json::array();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    auto object = apis::convert(objects[i], version);
    if (!object) {
      return conversion_failed(review->uid,
                               fmt::format("objects[{}]: {}", i, object.error().message));
    }
    converted.push_back(*std::move(object));
  }
  return reply(kConversionVersion, "ConversionReview",
               {{"uid", review->uid},
                {"result", {{"status", "Success"}}},
                {"convertedObjects", std::move(converted)}});
}

HttpResponse answer_webhook(const net::HttpRequest& request,
                            const apis::ValidationSettings& settings) {
  const bool converts = request.path == kConvertPath;
  const auto is_path = [&](const Validated& kind) { return request.path == path_of(kind); };
  if (!converts && std::ranges::none_of(kValidated, is_path)) return plain(404, "no such webhook");
  if (request.method != "POST") {
    HttpResponse response = plain(405, "webhooks are called with POST");
    response.headers.set("allow", "POST");
    return response;
  }
  return converts ? review_conversion(request.body) : review_admission(request.body, settings);
}

std::vector<std::string> webhook_paths() {
  std::vector<std::string> paths = {kConvertPath};
  for (const Validated& kind : kValidated) paths.push_back(path_of(kind));
  return paths;
}

apis::ValidationSettings validation_settings(const Settings& settings) {
  apis::ValidationSettings validation{.provisioner = settings.provisioner,
                                      .mig = settings.mig,
                                      .accelerator = settings.accelerator,
                                      .vllm = settings.vllm,
                                      .node_classes = {}};
  for (const NodeClass& one : settings.node_classes) validation.node_classes.push_back(one.name);
  return validation;
}

Result<std::vector<std::string>> serving_names(const WebhookTarget& target) {
  if (target.url_base.empty()) {
    const std::string name =
        fmt::format("{}.{}.svc", target.service_name, target.service_namespace);
    return std::vector<std::string>{name, name + ".cluster.local"};
  }
  constexpr std::string_view kScheme = "https://";
  std::string_view host = target.url_base;
  const bool https = host.starts_with(kScheme);
  if (https) host.remove_prefix(kScheme.size());
  const bool bare = host.find_first_of("/?#@ ") == std::string_view::npos;
  if (host.starts_with('[')) {  // An IPv6 address.
    host = host.substr(1, std::min(host.find(']'), host.size()) - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (!https || !bare || host.empty()) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is not https://HOST:PORT", target.url_base);
  }
  return std::vector<std::string>{std::string(host)};
}

Json render_conversion(const WebhookTarget& target) {
  const Json webhook = {{"clientConfig", client_config(target, kConvertPath)},
                        {"conversionReviewVersions", Json::array({"v1"})}};
  return {{"strategy", "Webhook"}, {"webhook", webhook}};
}

std::vector<Json> render_webhook_configurations(const WebhookTarget& target) {
  std::vector<Json> configurations;
  for (const Validated& kind : kValidated) configurations.push_back(configuration_of(kind, target));
  return configurations;
}

}  // namespace rage::op
