#include "routing/make_scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "routing/detail/approx_prefix_source.h"
#include "routing/detail/plugin_catalog.h"
#include "routing/detail/plugins.h"
#include "routing/detail/profile_scheduler.h"

namespace rage::routing {
namespace {

using detail::ParameterReader;
using detail::Plugin;
using detail::Profile;

constexpr std::string_view kPrefixProducer = "approx-prefix-cache-producer";

// What they decide by is how much of a prompt is cached.
constexpr std::array<std::string_view, 5> kPrefixConsumers = {
    "prefix-cache-scorer", "no-hit-lru-scorer", "prefix-cache-affinity-filter",
    "prefix-based-pd-decider", "token-load-scorer"};

ParameterReader parameters_of(const PluginSpec& spec) {
  return ParameterReader(spec.parameters, fmt::format("plugin {}: parameters", spec.name));
}

// One configuration. One thread; used once.
class SchedulerBuilder final {
 public:
  explicit SchedulerBuilder(const PickerConfig& config) : config_(config) {}

  Result<detail::SchedulerParts> build(std::unique_ptr<PrefixSource> prefix_source) {
    RETURN_IF_ERROR(make_topology());
    RETURN_IF_ERROR(make_plugins());
    for (const ProfileSpec& spec : config_.profiles) RETURN_IF_ERROR(add_profile(spec));
    RETURN_IF_ERROR(make_handler());
    RETURN_IF_ERROR(check_token_producer());
    RETURN_IF_ERROR(read_load_producer());
    parts_.prefix_source = std::move(prefix_source);
    if (!parts_.prefix_source) RETURN_IF_ERROR(make_prefix_source());
    return std::move(parts_);
  }

 private:
  Result<void> make_topology() {
    const PluginSpec* spec = config_.find_of_type("topology-extractor");
    if (spec == nullptr) return {};
    ParameterReader parameters = parameters_of(*spec);
    topology_ = detail::read_topology_labels(parameters);
    return parameters.finish();
  }

  // Also those that no profile uses: a mistake in them is one.
  Result<void> make_plugins() {
    for (const PluginSpec& spec : config_.plugins) {
      // Saturation detectors have parameters that only admission knows.
      if (spec.kind == PluginKind::kSaturationDetector && !is_used(spec.name)) continue;
      ParameterReader parameters = parameters_of(spec);
      std::optional<Plugin> plugin = detail::make_plugin(spec.type, parameters, topology_);
      if (!plugin) continue;  // None of scheduling's.
      RETURN_IF_ERROR(parameters.finish());
      plugins_.emplace(spec.name, *std::move(plugin));
    }
    return {};
  }

  bool is_used(std::string_view name) const {
    return std::ranges::any_of(config_.profiles, [&](const ProfileSpec& profile) {
      return std::ranges::find(profile.plugins, name, &ProfilePlugin::plugin) !=
             profile.plugins.end();
    });
  }

  Result<void> add_profile(const ProfileSpec& spec) {
    Profile profile{.name = spec.name, .filters = {}, .scorers = {}, .pick = {}};
    for (const ProfilePlugin& entry : spec.plugins) {
      const auto at = plugins_.find(entry.plugin);
      if (at == plugins_.end()) {
        return fail(ErrorCode::kInvalidArgument, "profile {}: {} is no plugin of scheduling",
                    spec.name, entry.plugin);
      }
      const Plugin& plugin = at->second;
      if (plugin.filter) profile.filters.push_back(plugin.filter);
      if (plugin.score) profile.scorers.push_back({plugin.score, entry.weight});
      if (plugin.pick && profile.pick) {
        return fail(ErrorCode::kInvalidArgument, "profile {}: more than one picker", spec.name);
      }
      if (plugin.pick) profile.pick = plugin.pick;
      if (plugin.learner && learning_.insert(entry.plugin).second) {
        parts_.learners.push_back({.name = entry.plugin, .learner = plugin.learner});
      }
      note_use(entry.plugin);
    }
    if (!profile.pick) {
      const codec::Json none = codec::Json::object();
      ParameterReader defaults(none, "max-score-picker");
      profile.pick = detail::max_score_picker(defaults).pick;
    }
    parts_.profiles.push_back(std::move(profile));
    return {};
  }

  void note_use(const std::string& name) {
    const PluginSpec* spec = config_.find(name);
    const auto& consumers = kPrefixConsumers;
    if (std::ranges::find(consumers, spec->type) != consumers.end()) wants_prefix_ = true;
  }

  detail::DecideFunction decider(ParameterReader& reader, std::string_view key) {
    const std::string name = reader.text(key);
    if (name.empty()) return nullptr;
    const auto at = plugins_.find(name);
    if (at == plugins_.end() || !at->second.decide) {
      reader.refuse(key, fmt::format("no decider is called '{}'", name));
      return nullptr;
    }
    note_use(name);
    return at->second.decide;
  }

  Result<void> make_handler() {
    detail::HandlerContext context;
    for (const ProfileSpec& profile : config_.profiles) context.profiles.push_back(profile.name);
    context.decider = [this](ParameterReader& reader, std::string_view key) {
      return decider(reader, key);
    };
    PluginSpec chosen{.name = "single-profile-handler",
                      .type = "single-profile-handler",
                      .kind = PluginKind::kProfileHandler};
    int handlers = 0;
    for (const PluginSpec& spec : config_.plugins) {
      if (spec.kind != PluginKind::kProfileHandler) continue;
      chosen = spec;
      ++handlers;
    }
    if (handlers > 1) {
      return fail(ErrorCode::kInvalidArgument, "exactly one profile handler may be declared");
    }
    if (handlers == 0 && config_.profiles.size() > 1) {
      return fail(ErrorCode::kInvalidArgument,
                  "several scheduling profiles need a profile handler, such as "
                  "disagg-profile-handler or header-profile-handler");
    }
    ParameterReader parameters = parameters_of(chosen);
    parts_.handler = detail::make_handler(chosen.type, parameters, context);
    return parameters.finish();
  }

  Result<void> check_token_producer() const {
    const PluginSpec* spec = config_.find_of_type("token-producer");
    if (spec == nullptr) return {};
    ParameterReader parameters = parameters_of(*spec);
    for (const std::string_view key : {"vllm", "url", "http", "modelName"}) {
      if (!parameters.has(key)) continue;
      return fail(ErrorCode::kUnimplemented,
                  "plugin {}: asking vLLM for tokens is not supported; without '{}' they are "
                  "estimated, and token ids that clients send are taken as they are",
                  spec->name, key);
    }
    parameters.find("estimate");
    return parameters.finish();
  }

  Result<void> read_load_producer() {
    const PluginSpec* spec = config_.find_of_type("inflight-load-producer");
    if (spec == nullptr) return {};
    ParameterReader parameters = parameters_of(*spec);
    detail::OutputEstimate estimate;
    estimate.ratio = parameters.number("outputRatio", estimate.ratio, {.max = 1e6});
    if (parameters.has("maxEstimatedOutputTokens")) {
      estimate.tokens_max = parameters.whole("maxEstimatedOutputTokens", 0);
    }
    parameters.text("prefixMatchInfoProducerName");
    parameters.flag("syncCrossReplicaState", true);
    if (parameters.flag("addEstimatedOutputTokens", false)) parts_.output_estimate = estimate;
    return parameters.finish();
  }

  Result<void> make_prefix_source() {
    const auto is_producer = [](const PluginSpec& spec) { return spec.type == kPrefixProducer; };
    if (std::ranges::count_if(config_.plugins, is_producer) > 1) {
      return fail(ErrorCode::kUnimplemented, "more than one {} is not supported", kPrefixProducer);
    }
    const PluginSpec* declared = config_.find_of_type(kPrefixProducer);
    if (declared == nullptr && !wants_prefix_) return {};
    const PluginSpec implied{.name = std::string(kPrefixProducer),
                             .type = std::string(kPrefixProducer)};
    ParameterReader parameters = parameters_of(declared == nullptr ? implied : *declared);
    const auto options = detail::read_approx_prefix_options(parameters);
    RETURN_IF_ERROR(parameters.finish());
    parts_.prefix_source = std::make_unique<detail::ApproxPrefixSource>(options);
    return {};
  }

  const PickerConfig& config_;
  detail::TopologyLabels topology_;
  std::map<std::string, Plugin, std::less<>> plugins_;
  std::set<std::string> learning_;
  bool wants_prefix_ = false;
  detail::SchedulerParts parts_;
};

}  // namespace

Result<std::unique_ptr<Scheduler>> make_scheduler(const PickerConfig& config,
                                                  std::uint64_t random_seed,
                                                  std::unique_ptr<PrefixSource> prefix_source) {
  ASSIGN_OR_RETURN(detail::SchedulerParts parts,
                   SchedulerBuilder(config).build(std::move(prefix_source)));
  parts.random_seed = random_seed;
  return std::make_unique<detail::ProfileScheduler>(std::move(parts));
}

}  // namespace rage::routing
