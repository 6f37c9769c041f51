#include "routing/precise_prefix.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "routing/detail/parameter_reader.h"
#include "routing/detail/precise_prefix_source.h"

namespace rage::routing {
namespace {

using detail::ParameterReader;
using detail::PrecisePrefixOptions;

constexpr std::string_view kType = "precise-prefix-cache-producer";
constexpr std::uint32_t kBlockTokensMax = 1U << 16;
constexpr std::size_t kTopicBytesMax = 200;

PrecisePrefixOptions read_index(ParameterReader& parameters) {
  PrecisePrefixOptions options;
  ParameterReader tokens = parameters.child("tokenProcessorConfig");
  const std::uint64_t old = tokens.whole("blockSize", options.block_tokens, kBlockTokensMax);
  const std::uint64_t block = tokens.whole("blockSizeTokens", old, kBlockTokensMax);
  options.block_tokens = static_cast<std::uint32_t>(std::max<std::uint64_t>(block, 1));
  // How the reference hashes its own keys and keeps them; ours are never seen by anybody.
  tokens.text("hashSeed");
  tokens.one_of("hashAlgorithm", {"cbor-fnv", "xxh64"});
  parameters.find("indexerConfig");
  if (parameters.flag("speculativeIndexing", false)) {
    parameters.refuse("speculativeIndexing", "is not supported: engines tell what they have");
  }
  parameters.find("speculativeTTL");
  return options;
}

void read_events(ParameterReader events, PrecisePrefix& prefix) {
  prefix.topic = events.text("topicFilter", prefix.topic);
  if (prefix.topic.size() > kTopicBytesMax) events.refuse("topicFilter", "is too long");
  for (const std::string_view key : {"concurrency", "engineType", "discoverPods"}) {
    events.find(key);  // One thread listens to all endpoints of the pool, whatever the engine.
  }
  if (events.has("zmqEndpoint")) {
    events.refuse("zmqEndpoint", "is not supported: each engine is listened to where it publishes");
  }
  ParameterReader pods = events.child("podDiscoveryConfig");
  for (const std::string_view key : {"podLabelSelector", "podNamespace"}) pods.find(key);
  const std::uint64_t port = pods.whole("socketPort", prefix.port, 65535);
  if (port == 0) pods.refuse("socketPort", "must be a port");
  prefix.port = static_cast<std::uint16_t>(port);
}

}  // namespace

Result<std::optional<PrecisePrefix>> make_precise_prefix(const PickerConfig& config) {
  const PluginSpec* plugin = config.find_of_type(kType);
  if (plugin == nullptr) return std::optional<PrecisePrefix>();
  if (config.find_of_type("approx-prefix-cache-producer") != nullptr) {
    return fail(ErrorCode::kUnimplemented, "{} beside approx-prefix-cache-producer: one is enough",
                kType);
  }
  ParameterReader parameters(plugin->parameters, "plugin " + plugin->name + ": parameters");
  PrecisePrefix prefix;
  const PrecisePrefixOptions options = read_index(parameters);
  read_events(parameters.child("kvEventsConfig"), prefix);
  RETURN_IF_ERROR(parameters.finish());
  auto source = std::make_unique<detail::PrecisePrefixSource>(options);
  prefix.sink = source.get();
  prefix.source = std::move(source);
  return std::optional(std::move(prefix));
}

}  // namespace rage::routing
