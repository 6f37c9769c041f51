// Which profiles run for a request, and what they make together.
#include <algorithm>
#include <string>
#include <utility>

#include "base/strings.h"
#include "routing/detail/plugin.h"

namespace rage::routing::detail {
namespace {

Result<void> nobody_left(std::string_view profile) {
  return fail(ErrorCode::kResourceExhausted, "profile {}: filters left no endpoint", profile);
}

std::uint32_t first_of(const ProfileResult& result) {
  return static_cast<std::uint32_t>(result.endpoints.front());
}

bool has_profile(const HandlerContext& context, std::string_view name) {
  return std::ranges::find(context.profiles, name) != context.profiles.end();
}

// The only profile there is; a complaint at `key` if there are more.
std::string only_profile(ParameterReader& parameters, const HandlerContext& context,
                         std::string_view type) {
  if (context.profiles.size() == 1) return context.profiles.front();
  parameters.refuse("type", std::string(type) + " takes exactly one scheduling profile");
  return {};
}

HandlerFunction single_profile(ParameterReader& parameters, const HandlerContext& context) {
  for (const std::string_view key : {"scorer", "picker"}) parameters.find(key);  // Of no meaning.
  return [name = only_profile(parameters, context, "single-profile-handler")](
             Cycle& cycle, const RunProfile& run, Schedule& schedule) -> Result<void> {
    std::optional<ProfileResult> result = run(cycle, name);
    if (!result) return nobody_left(name);
    schedule.primary = *std::move(result);
    return {};
  };
}

// The picked rank computes; the request goes to the pod's first port, which passes it on.
HandlerFunction data_parallel(ParameterReader& parameters, const HandlerContext& context) {
  const std::uint64_t port = parameters.whole("primaryPort", 8000, 65535);
  return [name = only_profile(parameters, context, "data-parallel-profile-handler"), port](
             Cycle& cycle, const RunProfile& run, Schedule& schedule) -> Result<void> {
    std::optional<ProfileResult> result = run(cycle, name);
    if (!result) return nobody_left(name);
    const Endpoint& picked = cycle.endpoints[result->endpoints.front()];
    const auto door = std::ranges::find_if(cycle.endpoints, [&](const Endpoint& endpoint) {
      return endpoint.port == port && endpoint.address == picked.address;
    });
    if (picked.port == port || door == cycle.endpoints.end()) {
      schedule.primary = *std::move(result);
      return {};
    }
    schedule.request_headers.emplace_back("x-data-parallel-host-port", picked.authority());
    schedule.primary = {.profile = result->profile,
                        .endpoints = {static_cast<std::size_t>(door - cycle.endpoints.begin())},
                        .scores = {result->scores.front()},
                        .computes_prompt = false};
    schedule.others.push_back(*std::move(result));
    return {};
  };
}

HandlerFunction header_profile(ParameterReader& parameters, const HandlerContext& context) {
  const std::string header = to_lower_ascii(parameters.text("headerName", "EPP-Profile"));
  const std::string fallback = parameters.text("defaultProfile", "decode");
  if (context.profiles.size() > 1 && !has_profile(context, fallback)) {
    parameters.refuse("defaultProfile", "no scheduling profile is called '" + fallback + "'");
  }
  return [header, fallback, profiles = context.profiles](Cycle& cycle, const RunProfile& run,
                                                         Schedule& schedule) -> Result<void> {
    std::string name(trim(cycle.header(header)));
    if (name.empty()) name = fallback;
    if (profiles.size() == 1) name = profiles.front();
    if (std::ranges::find(profiles, name) == profiles.end()) {
      return fail(ErrorCode::kInvalidArgument, "{} names no scheduling profile", header);
    }
    std::optional<ProfileResult> result = run(cycle, name);
    if (!result) return nobody_left(name);
    schedule.primary = *std::move(result);
    return {};
  };
}

struct Disaggregation {
  std::string decode = "decode";
  std::string prefill = "prefill";
  std::string encode = "encode";
  DecideFunction wants_prefill;
  DecideFunction wants_encode;
  bool prefill_first = false;
};

std::string hosts(const Cycle& cycle, const ProfileResult& result) {
  std::vector<std::string> list;
  for (const std::size_t i : result.endpoints) list.push_back(cycle.endpoints[i].authority());
  return join(list, ",");
}

void add_prefill(const Cycle& cycle, ProfileResult prefill, Schedule& schedule) {
  // One that decodes as well needs no other's help.
  if (prefill.endpoints.front() == schedule.primary.endpoints.front()) return;
  schedule.request_headers.emplace_back("x-prefiller-host-port",
                                        cycle.endpoints[prefill.endpoints.front()].authority());
  schedule.others.push_back(std::move(prefill));
}

// Stages that find nobody are left out, but for decode.
Result<void> run_stages(const Disaggregation& stages, Cycle& cycle, const RunProfile& run,
                        Schedule& schedule) {
  std::optional<ProfileResult> prefill;
  if (stages.prefill_first) {
    prefill = run(cycle, stages.prefill);
    if (prefill) cycle.peer = first_of(*prefill);
  }
  std::optional<ProfileResult> decode = run(cycle, stages.decode);
  if (!decode) return nobody_left(stages.decode);
  schedule.primary = *std::move(decode);
  const std::uint32_t decoder = first_of(schedule.primary);
  if (!stages.prefill_first) cycle.peer = decoder;
  if (stages.wants_encode && stages.wants_encode(cycle, decoder)) {
    if (std::optional<ProfileResult> encode = run(cycle, stages.encode)) {
      schedule.request_headers.emplace_back("x-encoder-hosts-ports", hosts(cycle, *encode));
      encode->computes_prompt = false;
      schedule.others.push_back(*std::move(encode));
    }
  }
  if (!stages.prefill_first && stages.wants_prefill && stages.wants_prefill(cycle, decoder)) {
    prefill = run(cycle, stages.prefill);
  }
  if (prefill) add_prefill(cycle, *std::move(prefill), schedule);
  return {};
}

void read_profile_names(ParameterReader& parameters, Disaggregation& stages) {
  ParameterReader profiles = parameters.child("profiles");
  stages.decode = profiles.text("decode", parameters.text("decodeProfile", stages.decode));
  stages.prefill = profiles.text("prefill", parameters.text("prefillProfile", stages.prefill));
  stages.encode = profiles.text("encode", parameters.text("encodeProfile", stages.encode));
}

HandlerFunction finish_stages(ParameterReader& parameters, const HandlerContext& context,
                              Disaggregation stages) {
  const auto require = [&](const std::string& name, bool needed) {
    if (needed && !has_profile(context, name)) {
      parameters.refuse("profiles", "no scheduling profile is called '" + name + "'");
    }
  };
  require(stages.decode, true);
  require(stages.prefill, stages.prefill_first || stages.wants_prefill);
  require(stages.encode, static_cast<bool>(stages.wants_encode));
  return [stages = std::move(stages)](Cycle& cycle, const RunProfile& run, Schedule& schedule) {
    return run_stages(stages, cycle, run, schedule);
  };
}

HandlerFunction disaggregated(ParameterReader& parameters, const HandlerContext& context) {
  Disaggregation stages;
  read_profile_names(parameters, stages);
  ParameterReader deciders = parameters.child("deciders");
  stages.wants_prefill = deciders.has("prefill")
                             ? context.decider(deciders, "prefill")
                             : context.decider(parameters, "prefillDeciderPluginName");
  stages.wants_encode = deciders.has("encode")
                            ? context.decider(deciders, "encode")
                            : context.decider(parameters, "encodeDeciderPluginName");
  stages.prefill_first =
      parameters.one_of("stageOrder", {"decode-first", "prefill-first"}) == "prefill-first";
  return finish_stages(parameters, context, std::move(stages));
}

// The deprecated one: a threshold of uncached tokens of its own, unless a decider is named.
HandlerFunction prefill_decode(ParameterReader& parameters, const HandlerContext& context) {
  Disaggregation stages;
  read_profile_names(parameters, stages);
  for (const std::string_view key :
       {"prefixPluginName", "prefixPluginType", "hashBlockSize", "primaryPort"}) {
    parameters.find(key);  // What they said is known from elsewhere now.
  }
  const std::uint64_t threshold = parameters.whole("threshold", 0);
  stages.wants_prefill = context.decider(parameters, "deciderPluginName");
  if (!stages.wants_prefill) {
    stages.wants_prefill = [threshold](const Cycle& cycle, std::uint32_t endpoint) {
      return cycle.uncached_tokens(endpoint) >= threshold;
    };
  }
  return finish_stages(parameters, context, std::move(stages));
}

}  // namespace

HandlerFunction make_handler(std::string_view type, ParameterReader& parameters,
                             const HandlerContext& context) {
  if (type == "disagg-profile-handler") return disaggregated(parameters, context);
  if (type == "header-profile-handler") return header_profile(parameters, context);
  if (type == "data-parallel-profile-handler") return data_parallel(parameters, context);
  if (type == "pd-profile-handler") return prefill_decode(parameters, context);
  return single_profile(parameters, context);
}

}  // namespace rage::routing::detail
