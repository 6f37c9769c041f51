// The llamacpp runtime: `rage model serve` on CPU nodes. The image sets nothing; this is its
// contract: `rage` in PATH, and below RAGE_CACHE_DIR=/var/lib/rage bin/llama-server and
// models/packaged/NAME. Downloads go to models/hub there, the only part that can be written.
// A Workspace may say what suits its nodes: annotations rage.dev/cpu-request ("250m") and
// rage.dev/context-tokens.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "base/strings.h"
#include "operator/detail/serving_adapters.h"
#include "operator/detail/serving_packaged.h"
#include "operator/detail/serving_pod.h"

namespace rage::op {
namespace detail {
namespace {

constexpr std::string_view kPackagedPrefix = "packaged:";
constexpr std::string_view kDefaultModel = "SmolLM2-135M-Instruct";
constexpr std::string_view kCache = "/var/lib/rage";
constexpr int kUser = 65532;  // "nonroot" of distroless images.
constexpr std::string_view kCpuAnnotation = "rage.dev/cpu-request";
constexpr std::string_view kContextAnnotation = "rage.dev/context-tokens";
constexpr std::uint32_t kContextTokens = 8192;
constexpr std::uint32_t kContextTokensMin = 256;
constexpr std::uint32_t kContextTokensMax = 1U << 20;
constexpr std::uint64_t kMib = 1ULL << 20;

Json empty_dir(std::string_view name) {
  return {{"name", name}, {"emptyDir", Json::object()}};
}

// None: the annotation is no number within the limits.
std::optional<std::uint32_t> context_tokens_of(const ServingRequest& request) {
  const std::string text = request.workspace.meta.annotation(kContextAnnotation);
  if (text.empty()) return kContextTokens;
  std::uint32_t tokens = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, tokens);
  if (error != std::errc() || stopped != end) return std::nullopt;
  if (tokens < kContextTokensMin || tokens > kContextTokensMax) return std::nullopt;
  return tokens;
}

// "1", "0.5", "250m"; empty: the annotation is none of these.
std::string cpu_request_of(const ServingRequest& request) {
  std::string text = request.workspace.meta.annotation(kCpuAnnotation);
  if (text.empty()) return "1";
  std::string_view number = text;
  const bool milli = number.ends_with('m');
  if (milli) number.remove_suffix(1);
  const std::string_view allowed = milli ? "0123456789" : "0123456789.";
  const bool plain = number.find_first_not_of(allowed) == std::string_view::npos &&
                     std::ranges::count(number, '.') <= 1;
  return plain && !number.empty() && is_ascii_digit(number.front()) ? text : std::string();
}

// Weights, the key-value cache of the context, and what the server itself takes.
std::string memory_request(const catalog::Model* model, std::uint32_t context_tokens) {
  std::uint64_t bytes = 512 * kMib;
  if (model == nullptr) {
    bytes += 512 * kMib;  // A packaged model is small.
  } else {
    bytes += model->loaded_weight_bytes > 0 ? model->loaded_weight_bytes : model->weight_bytes;
    bytes += catalog::kv_cache_bytes(*model, context_tokens, catalog::EstimateRules::kTruthful);
  }
  return fmt::format("{}Mi", (bytes + kMib - 1) / kMib);
}

Result<void> check_request(const ServingRequest& request) {
  if (request.model == nullptr && packaged_model_name(preset_name(request)).empty()) {
    return fail(ErrorCode::kInvalidArgument, "preset '{}' is not known", preset_name(request));
  }
  if (!inference_of(request).adapters.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "inference.adapters: the llamacpp runtime serves no adapters");
  }
  if (!context_tokens_of(request)) {
    return fail(ErrorCode::kInvalidArgument, "annotation {} is no number from {} to {}",
                kContextAnnotation, kContextTokensMin, kContextTokensMax);
  }
  if (cpu_request_of(request).empty()) {
    return fail(ErrorCode::kInvalidArgument, "annotation {} is no amount such as 500m or 2",
                kCpuAnnotation);
  }
  return {};
}

Json main_container(const ServingRequest& request) {
  const Json port = {{"name", "http"}, {"containerPort", kServicePort}, {"protocol", "TCP"}};
  Json env = Json::array({{{"name", "RAGE_CACHE_DIR"}, {"value", kCache}}});
  append(env, model_token_env(request));
  Json security = {{"allowPrivilegeEscalation", false}, {"readOnlyRootFilesystem", true}};
  security["capabilities"]["drop"] = Json::array({"ALL"});
  Json container = {{"name", request.workspace.meta.name},
                    {"image", request.settings.llamacpp_image},
                    {"command", llamacpp_arguments(request)},
                    {"ports", Json::array({port})},
                    {"env", std::move(env)},
                    {"securityContext", std::move(security)}};
  container["resources"]["requests"] = {
      {"cpu", cpu_request_of(request)},
      {"memory",
       memory_request(request.model, context_tokens_of(request).value_or(kContextTokens))}};
  container["volumeMounts"] =
      Json::array({{{"name", "model-cache"}, {"mountPath", fmt::format("{}/models/hub", kCache)}},
                   {{"name", "tmp"}, {"mountPath", "/tmp"}}});
  add_probes(request, container);
  return container;
}

}  // namespace

std::string packaged_model_name(std::string_view preset) {
  if (equals_ignoring_case(preset, kDefaultModel)) return std::string(kDefaultModel);
  if (!preset.starts_with(kPackagedPrefix)) return {};
  const std::string_view name = preset.substr(kPackagedPrefix.size());
  const bool plain = !name.empty() && name.front() != '.' && std::ranges::all_of(name, [](char c) {
    return is_ascii_alpha(c) || is_ascii_digit(c) || std::string_view("._-").contains(c);
  });
  return plain ? std::string(name) : std::string();
}

std::vector<std::string> llamacpp_arguments(const ServingRequest& request) {
  const std::string packaged = packaged_model_name(preset_name(request));
  const std::string revision = request.model_revision.empty() ? "" : "@" + request.model_revision;
  const std::string reference = packaged.empty() ? "hf://" + request.model->id + revision
                                                 : std::string(kPackagedPrefix) + packaged;
  return {"rage",      "model",
          "serve",     reference,
          "--host",    "0.0.0.0",
          "--port",    std::to_string(kServicePort),
          "--alias",   served_name(request),
          "--context", std::to_string(context_tokens_of(request).value_or(kContextTokens))};
}

Result<Json> llamacpp_pod(const ServingRequest& request) {
  RETURN_IF_ERROR(check_request(request));
  Json pod;
  pod["automountServiceAccountToken"] = false;
  pod["securityContext"] = {{"runAsNonRoot", true},
                            {"runAsUser", kUser},
                            {"runAsGroup", kUser},
                            {"fsGroup", kUser},
                            {"seccompProfile", {{"type", "RuntimeDefault"}}}};
  pod["containers"] = Json::array({main_container(request)});
  pod["volumes"] = Json::array({empty_dir("model-cache"), empty_dir("tmp")});
  Json affinity = node_affinity(request);
  if (!affinity.is_null()) pod["affinity"] = std::move(affinity);
  pod["tolerations"] = tolerations(request);
  return pod;
}

}  // namespace detail

bool is_packaged_model(std::string_view preset) {
  return !detail::packaged_model_name(preset).empty();
}

}  // namespace rage::op
