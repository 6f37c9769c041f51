#include <fmt/format.h>

#include <algorithm>

#include "gatewayapi/detail/parts.h"

namespace rage::gatewayapi {
namespace {

using detail::kNameBytesMax;
using detail::Reader;

void read_picker(const Reader& spec, InferencePool& pool) {
  const Reader fields = spec.child("endpointPickerRef");
  if (!fields.exists()) return;
  PoolPicker picker{.group = fields.text("group", kNameBytesMax),
                    .kind = fields.text("kind", kNameBytesMax, "Service"),
                    .name = fields.required_text("name", kNameBytesMax),
                    .port = fields.child("port").port("number").value_or(0)};
  if (picker.kind == "Service" && picker.port == 0) {
    fields.refuse("port.number", "is required for a Service");
  }
  const std::string mode = fields.text("failureMode", kNameBytesMax, "FailClose");
  picker.fail_open = mode == "FailOpen";
  if (!picker.fail_open && mode != "FailClose") {
    fields.refuse("failureMode", fmt::format("'{}' is not one of FailOpen, FailClose", mode));
  }
  pool.picker = std::move(picker);
}

}  // namespace

Result<InferencePool> parse_inference_pool(const Json& document) {
  constexpr std::size_t kTargetPortsMax = 8;
  constexpr std::size_t kLabelsMax = 64;
  InferencePool pool;
  ASSIGN_OR_RETURN(pool.meta, detail::read_meta(document));
  const Reader spec = Reader(&document, "", &pool.problems).child("spec");
  const Reader selector = spec.child("selector");
  pool.match_labels = selector.labels("matchLabels");
  if (pool.match_labels.empty() || pool.match_labels.size() > kLabelsMax) {
    spec.refuse("selector.matchLabels", fmt::format("needs 1 to {} labels", kLabelsMax));
  }
  for (const Reader& item : spec.items("targetPorts", kTargetPortsMax)) {
    const std::uint16_t number = item.port("number").value_or(0);
    if (number == 0) continue;
    if (std::ranges::find(pool.target_ports, number) != pool.target_ports.end()) {
      item.refuse("number", fmt::format("{} is given twice", number));
      continue;
    }
    pool.target_ports.push_back(number);
  }
  if (pool.target_ports.empty()) spec.refuse("targetPorts", "at least one is required");
  const std::string protocol = spec.text("appProtocol", kNameBytesMax, "http");
  pool.h2c = protocol == "kubernetes.io/h2c";
  if (!pool.h2c && protocol != "http") {
    spec.refuse("appProtocol", fmt::format("'{}' is not one of http, kubernetes.io/h2c", protocol));
  }
  read_picker(spec, pool);
  pool.document = document;
  return pool;
}

}  // namespace rage::gatewayapi
