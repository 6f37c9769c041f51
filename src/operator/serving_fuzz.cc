// A Workspace and the StatefulSet that is there, both as anybody may have written them: rendering
// them never crashes, and what has been rendered once stays as it is.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apis/workspace.h"
#include "base/check.h"
#include "catalog/catalog.h"
#include "operator/serving.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rage::op::Json;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto input = rage::codec::parse_json(bytes);
  if (!input || !input->is_array() || input->size() != 2) return 0;
  const auto workspace = rage::apis::parse_workspace((*input)[0]);
  if (!workspace) return 0;
  if (!workspace->inference && !workspace->tuning) return 0;
  const rage::op::Settings settings;
  const rage::op::ServingRequest request{
      .workspace = *workspace,
      .settings = settings,
      .model = rage::catalog::find_model("microsoft/phi-4"),
      .gpu = {.gpus = 1, .memory_bytes_per_gpu = 80ULL << 30, .model = "", .mig_profile = ""},
      .nodes = 1 + static_cast<int>(size % 2),
      .node_selector = {{"apps", "x"}},
      .revision = "1",
      .config_hash = "abc"};
  if (workspace->tuning) {
    (void)rage::op::render_tuning_job(request);
    return 0;
  }
  const auto first = rage::op::render_stateful_set(request, (*input)[1]);
  if (!first) return 0;
  const auto second = rage::op::render_stateful_set(request, *first);
  CHECK(second && !rage::op::needs_apply(*second, *first));
  return 0;
}
