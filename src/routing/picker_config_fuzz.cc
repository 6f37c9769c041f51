#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "routing/make_scheduler.h"

namespace {

std::vector<rage::routing::Endpoint> endpoints() {
  std::vector<rage::routing::Endpoint> list;
  for (std::uint32_t rank = 0; rank < 4; ++rank) {
    rage::routing::Endpoint endpoint{.name_space = "default", .pod = "pod", .rank = rank};
    endpoint.address = rank < 2 ? "10.0.0.1" : "fd00::1";
    endpoint.port = static_cast<std::uint16_t>(8000 + rank);
    endpoint.labels = {{"llm-d.ai/role", rank % 2 == 0 ? "decode" : "prefill"}};
    list.push_back(std::move(endpoint));
  }
  return list;
}

}  // namespace

// Whatever is accepted must also decide, and name endpoints that exist.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace routing = rage::routing;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto config = routing::parse_picker_config(text);
  if (!config) return 0;
  CHECK(!config->profiles.empty());
  for (const routing::PluginSpec& plugin : config->plugins) CHECK(plugin.parameters.is_object());
  const auto scheduler = routing::make_scheduler(*config, 1);
  if (!scheduler) return 0;
  static const std::vector<routing::Endpoint> kEndpoints = endpoints();
  const std::vector<std::string> prompts = {std::string(700, 'x'), "y"};
  const routing::SchedulingRequest request{
      .target_model = "m", .prompts = prompts, .multimodal = true, .header = [&](std::string_view) {
        return text.substr(0, 40);
      }};
  for (int round = 0; round < 2; ++round) {
    const auto schedule = (*scheduler)->schedule(request, kEndpoints, rage::SteadyTime{});
    if (!schedule) continue;
    CHECK(!schedule->primary.endpoints.empty());
    CHECK(schedule->primary.endpoints.size() == schedule->primary.scores.size());
    for (const std::size_t i : schedule->primary.endpoints) CHECK(i < kEndpoints.size());
    CHECK(schedule->uncached_tokens <= schedule->prompt_tokens);
    (*scheduler)->commit(request, kEndpoints, *schedule, rage::SteadyTime{});
    (*scheduler)->retain(kEndpoints);
  }
  return 0;
}
