#include "gateway/local_pickers.h"

#include <random>
#include <utility>
#include <vector>

#include "obs/log.h"
#include "picker/listening_source.h"
#include "picker/make_director.h"
#include "routing/make_scheduler.h"
#include "routing/objectives.h"
#include "routing/picker_config.h"
#include "routing/precise_prefix.h"

namespace rage::gateway {
namespace {

std::vector<routing::InferenceObjective> objectives_of(const gatewayapi::World& world) {
  std::vector<routing::InferenceObjective> objectives;
  for (const auto& [name, document] : world.objectives) {
    if (auto parsed = routing::parse_inference_objective(document)) {
      objectives.push_back(*std::move(parsed));
    }
  }
  return objectives;
}

std::vector<routing::InferenceModelRewrite> rewrites_of(const gatewayapi::World& world) {
  std::vector<routing::InferenceModelRewrite> rewrites;
  for (const auto& [name, document] : world.model_rewrites) {
    if (auto parsed = routing::parse_inference_model_rewrite(document)) {
      rewrites.push_back(*std::move(parsed));
    }
  }
  return rewrites;
}

}  // namespace

Result<std::unique_ptr<LocalPickers>> LocalPickers::create(std::string configuration, Clock& clock,
                                                           obs::MetricRegistry& registry) {
  ASSIGN_OR_RETURN(const routing::PickerConfig config, routing::parse_picker_config(configuration));
  for (const std::string& note : config.notes) {
    obs::log().warn("endpoint picker's configuration", {{"note", note}});
  }
  RETURN_IF_ERROR(picker::director_options(config));
  RETURN_IF_ERROR(routing::make_scheduler(config, 0));
  RETURN_IF_ERROR(routing::make_precise_prefix(config));
  return std::unique_ptr<LocalPickers>(new LocalPickers(std::move(configuration), clock, registry));
}

Result<LocalPickers::Made> LocalPickers::make(const gatewayapi::ObjectName& pool) {
  ASSIGN_OR_RETURN(const routing::PickerConfig config,
                   routing::parse_picker_config(configuration_));
  ASSIGN_OR_RETURN(picker::DirectorOptions options, picker::director_options(config));
  options.pool = pool.name;
  auto source = std::make_unique<picker::PushSource>();
  Made made{.source = source.get()};
  ASSIGN_OR_RETURN(auto parts,
                   picker::make_listening_parts(config, std::random_device{}(), std::move(source)));
  ASSIGN_OR_RETURN(made.picker,
                   picker::make_director(std::move(options), std::move(parts.scheduler),
                                         std::move(parts.source), clock_, registry_));
  return made;
}

std::shared_ptr<picker::EndpointPicker> LocalPickers::picker_of(
    const gatewayapi::World& world, const gatewayapi::ObjectName& pool,
    const gatewayapi::CompiledPool&, const std::vector<routing::Endpoint>& endpoints) {
  auto known = made_.find(pool);
  if (known == made_.end()) {
    auto made = make(pool);
    if (!made) {
      obs::log().error("cannot make an endpoint picker",
                       {{"pool", pool.name}, {"error", made.error().message}});
      return nullptr;
    }
    known = made_.emplace(pool, *std::move(made)).first;
  }
  known->second.source->push({.endpoints = endpoints,
                              .objectives = std::make_shared<const routing::Objectives>(
                                  objectives_of(world), pool.name_space, pool.name),
                              .rewrites = std::make_shared<const routing::ModelRewrites>(
                                  rewrites_of(world), pool.name_space, pool.name)});
  return known->second.picker;
}

void LocalPickers::retain(const Snapshot& snapshot) {
  std::erase_if(made_, [&](const auto& entry) { return !snapshot.pools.contains(entry.first); });
}

void LocalPickers::begin_drain() {
  for (const auto& [pool, made] : made_) made.picker->begin_drain();
}

}  // namespace rage::gateway
