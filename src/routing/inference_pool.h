// InferencePool v1 (inference.networking.k8s.io) as a value, and the endpoints that a pod makes in
// it (Gateway API Inference Extension, llm-d router).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"
#include "routing/endpoint.h"

namespace rage::routing {

inline constexpr std::string_view kPoolGroup = "inference.networking.k8s.io";
inline constexpr std::string_view kPoolKind = "InferencePool";

using LabelMap = std::map<std::string, std::string, std::less<>>;

enum class AppProtocol { kHttp, kH2c };    // "http", "kubernetes.io/h2c"
enum class FailureMode { kClose, kOpen };  // "FailClose", "FailOpen"

struct EndpointPickerRef {
  std::string group = {};  // "" is the core group.
  std::string kind = "Service";
  std::string name;
  std::uint16_t port = 0;  // 0: none; a Service has one.
  FailureMode failure_mode = FailureMode::kClose;
  bool operator==(const EndpointPickerRef&) const = default;
};

// Value.
struct InferencePool {
  std::string name_space;
  std::string name;
  LabelMap selector;                        // Equality, all of them. Never empty.
  std::vector<std::uint16_t> target_ports;  // 1 to 8, each once. The index is the rank.
  AppProtocol app_protocol = AppProtocol::kHttp;
  std::optional<EndpointPickerRef> picker = {};
  bool operator==(const InferencePool&) const = default;
};

// kInvalidArgument: what the API server would refuse, naming the field; objects of other groups and
// kinds among it. Unknown fields are left alone. Status is not read.
Result<InferencePool> parse_inference_pool(const codec::Json& object);

// Of metadata.labels; what is no string is left out.
LabelMap labels_of(const codec::Json& object);
bool selects(const LabelMap& selector, const LabelMap& labels);

// Ready, with an address, and not being deleted.
bool is_serving(const codec::Json& pod);

// One endpoint for each target port that the pod's annotation llm-d.ai/active-ports (or, failing
// it, inference.networking.k8s.io/active-ports) leaves; without annotation all. Empty if the pod is
// of another namespace, is not selected or does not serve.
std::vector<Endpoint> endpoints_of_pod(const InferencePool& pool, const codec::Json& pod);

}  // namespace rage::routing
