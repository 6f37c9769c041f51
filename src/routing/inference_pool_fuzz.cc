#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "codec/json.h"
#include "routing/endpoints_file.h"
#include "routing/inference_pool.h"
#include "routing/subset.h"

// Any document as a pool, as a pod in it, as a file of endpoints and as a subset: what is accepted
// is fit to be connected to.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::routing;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto check = [](const Endpoint& endpoint) {
    CHECK(parse_ip_address(endpoint.address) && endpoint.port != 0 && !endpoint.name_space.empty());
    CHECK(parse_address_port(endpoint.authority()));
    CHECK(EndpointSubset(endpoint.authority()).contains(endpoint));
  };
  InferencePool pool{.name_space = "ns",
                     .name = "pool",
                     .selector = {{"app", "llama"}},
                     .target_ports = {8000, 8002}};
  // A list: the first is the pool, the others are pods.
  if (const auto document = rage::codec::parse_json(text, {.depth_max = 32})) {
    const bool many = document->is_array() && !document->empty();
    if (auto parsed = parse_inference_pool(many ? document->front() : *document)) {
      CHECK(!parsed->selector.empty() && !parsed->target_ports.empty());
      CHECK(parsed->target_ports.size() <= 8 && !parsed->name.empty());
      pool = *std::move(parsed);
    }
    for (std::size_t i = 0; many && i < document->size(); ++i) {
      for (const Endpoint& endpoint : endpoints_of_pod(pool, (*document)[i])) check(endpoint);
    }
  }
  if (const auto endpoints = parse_endpoints_file(text)) {
    for (const Endpoint& endpoint : *endpoints) check(endpoint);
  }
  CHECK(EndpointSubset(text).size() <= EndpointSubset::kEntriesMax);
  return 0;
}
