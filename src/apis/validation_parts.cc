#include <algorithm>
#include <set>

#include "apis/detail/formats.h"
#include "apis/detail/rules.h"
#include "apis/reserved_labels.h"
#include "base/is_one_of.h"
#include "base/strings.h"

namespace rage::apis::detail {
namespace {

constexpr std::size_t kAdaptersMax = 10;

std::string value_or_empty(const StringMap& map, std::string_view key) {
  const auto it = map.find(std::string(key));
  return it == map.end() ? std::string() : it->second;
}

int sources_of(const DataSource& source) {
  return static_cast<int>(!source.urls.empty()) + static_cast<int>(!source.image.empty()) +
         static_cast<int>(!source.volume_source.is_null());
}

void check_strength(const std::string& strength, const Rules& rules) {
  if (strength.empty()) return;
  const auto number = parse_double(strength);
  if (!number || !(*number >= 0 && *number <= 1)) {
    rules.invalid(strength, "strength", "must be a number from 0 to 1");
  }
}

void check_adapter(const Adapter& adapter, const Rules& rules) {
  if (!adapter.source) {
    rules.missing("source");
    return;
  }
  const Rules source = rules.at("source");
  if (sources_of(*adapter.source) != 1) {
    source.refuse("One and only one of image, volumeSource must be specified", "");
  } else if (!adapter.source->urls.empty()) {
    source.refuse("URLs are not supported for adapters yet", "urls");
  }
  if (!adapter.source->image.empty() && !is_image_reference(adapter.source->image)) {
    source.invalid(adapter.source->image, "image", "is not an image reference");
  }
  if (adapter.source->name.empty()) {
    source.missing("name");
  } else if (!is_dns_subdomain(adapter.source->name)) {
    source.invalid(adapter.source->name, "name", "must be a DNS subdomain");
  }
  check_strength(adapter.strength, rules);
}

void check_tuning_input(const DataSource& input, const Rules& rules) {
  if (sources_of(input) != 1) {
    rules.refuse("Exactly one of URLs, Volume, or Image must be specified", "");
  }
  for (const std::string& url : input.urls) {
    if (!is_fetchable_url(url, PrivateHosts::kRefused)) {
      rules.invalid(url, "urls", "must be http or https and lead out of the cluster's network");
    }
  }
  if (!input.image.empty() && !is_image_reference(input.image)) {
    rules.invalid(input.image, "image", "is not an image reference");
  }
}

void check_tuning_output(const DataDestination& output, const Rules& rules) {
  if (output.image.empty() == output.volume_source.is_null()) {
    rules.refuse("Exactly one of Volume or Image must be specified", "");
  }
  if (output.image.empty()) return;
  if (!is_image_reference(output.image)) {
    rules.invalid(output.image, "image", "is not an image reference");
  }
  if (output.image_push_secret.empty()) rules.missing("imagePushSecret");
}

}  // namespace

std::string Rules::join(std::string_view path) const {
  if (prefix_.empty() || path.empty()) return prefix_ + std::string(path);
  return path.starts_with('[') ? prefix_ + std::string(path) : fmt::format("{}.{}", prefix_, path);
}

void Rules::missing(std::string_view path) const {
  verdict_.violations.push_back({join(path), fmt::format("missing field(s): {}", join(path))});
}

void Rules::disallowed(std::string_view path) const {
  verdict_.violations.push_back(
      {join(path), fmt::format("must not set the field(s): {}", join(path))});
}

void Rules::invalid(std::string_view value, std::string_view path, std::string_view why) const {
  std::string message = fmt::format("invalid value: {}: {}", value, join(path));
  if (!why.empty()) message += fmt::format("\n{}", why);
  verdict_.violations.push_back({join(path), std::move(message)});
}

void Rules::refuse(std::string_view why, std::string_view path) const {
  verdict_.violations.push_back({join(path), fmt::format("{}: {}", why, join(path))});
}

void check_name(const Json& document, const Rules& rules) {
  const ObjectMeta meta = parse_meta(document);
  if (is_dns_label(meta.name)) return;
  // The name that the API server is about to make of generateName ends in five more characters.
  if (meta.name.empty() && codec::find_key(document, "metadata") != nullptr) {
    const Json* metadata = codec::find_key(document, "metadata");
    const std::string prefix = codec::string_or(*metadata, "generateName", "");
    if (!prefix.empty() && is_dns_label(prefix + "xxxxx")) return;
  }
  rules.invalid(meta.name, "metadata.name",
                "must be a DNS label: at most 63 lower-case letters, digits and inner dashes");
}

void check_instance_type(std::string_view instance_type, const std::string* before,
                         const ValidationSettings& settings, const Rules& rules) {
  if (before != nullptr) {
    // What was there before the provisioner was changed may stay, and with bring-your-own nodes go.
    if (instance_type == *before) return;
    const bool byo = settings.provisioner == Provisioner::kByo;
    if (!before->empty() && !(byo && instance_type.empty())) {
      rules.refuse("field is immutable", "instanceType");
      return;
    }
  }
  if (settings.provisioner == Provisioner::kByo) {
    if (!instance_type.empty()) rules.disallowed("instanceType");
  } else if (instance_type.empty()) {
    rules.missing("instanceType");
  }
}

void check_label_selector(const LabelSelector& selector, const Rules& rules) {
  if (const auto map = selector.as_map(); !map) {
    rules.refuse(map.error().message, "labelSelector");
    return;
  }
  const auto reserved = [](const auto& label) {
    return std::ranges::count(kReservedLabels, label.first) > 0;
  };
  if (!selector.match_labels.empty() && std::ranges::all_of(selector.match_labels, reserved)) {
    rules.refuse("labelSelector must not consist of reserved labels alone",
                 "labelSelector.matchLabels");
  }
}

void check_resource_change(const ResourceSpec& resource, const ResourceSpec& before,
                           const Rules& rules) {
  if (resource.count != before.count) rules.refuse("field is immutable", "count");
  if (resource.partition != before.partition) rules.refuse("field is immutable", "partition");
  const auto map = resource.label_selector.as_map();
  const auto old_map = before.label_selector.as_map();
  const bool same =
      map && old_map ? *map == *old_map : resource.label_selector == before.label_selector;
  if (!same) rules.refuse("field is immutable", "labelSelector");
}

void check_partition(const ResourceSpec& resource, const ValidationSettings& settings,
                     const Rules& rules) {
  if (!resource.partition) return;
  const Partition& partition = *resource.partition;
  if (settings.provisioner != Provisioner::kByo) {
    rules.refuse("partition needs nodes that are there already (node provisioner byo)",
                 "partition");
    return;
  }
  const Rules at = rules.at("partition");
  if (partition.mode == PartitionMode::kMig) {
    if (!settings.mig) at.refuse("mode mig needs the feature gate enableMIG", "mode");
    if (partition.count) at.disallowed("count");
    if (partition.profile.empty()) {
      at.missing("profile");
    } else if (!is_mig_profile(partition.profile)) {
      at.invalid(partition.profile, "profile", "is not a MIG profile such as 3g.40gb");
    }
    return;
  }
  if (!settings.accelerator) {
    at.refuse("mode accelerator needs the feature gate enableAccelerator", "mode");
  }
  if (!partition.count) at.missing("count");
  if (partition.count && *partition.count < 1) {
    at.invalid(std::to_string(*partition.count), "count", "must be at least 1");
  }
  if (!partition.profile.empty()) at.disallowed("profile");
}

void check_annotations(const StringMap& annotations, const StringMap& before,
                       const ValidationSettings& settings, const Rules& rules) {
  const auto check = [&](std::string_view key, const std::vector<std::string_view>& allowed) {
    const auto it = annotations.find(std::string(key));
    if (it == annotations.end() || it->second == value_or_empty(before, key)) return;
    if (is_one_of(it->second, allowed)) return;
    std::string list;
    for (std::string_view one : allowed) list += (list.empty() ? "" : ", ") + std::string(one);
    rules.invalid(it->second, fmt::format("metadata.annotations[{}]", key),
                  "must be one of " + list);
  };
  StringMap normalised = annotations;
  const auto family = normalised.find("kaito.sh/node-image-family");
  if (family != normalised.end()) family->second = to_lower_ascii(trim(family->second));
  if (family != normalised.end() && !is_one_of(family->second, {"ubuntu", "azurelinux"})) {
    check("kaito.sh/node-image-family", {"ubuntu", "azurelinux"});
  }
  check("kaito.sh/performance-mode", {"balanced", "interactivity", "throughput"});
  check("kaito.sh/use-local-weights", {"true", "false"});
  if (settings.provisioner != Provisioner::kKarpenter) return;
  const std::string node_class = value_or_empty(annotations, "kaito.sh/node-class-name");
  if (node_class.empty() || node_class == value_or_empty(before, "kaito.sh/node-class-name")) {
    return;
  }
  if (std::ranges::count(settings.node_classes, node_class) == 0) {
    rules.invalid(node_class, "metadata.annotations[kaito.sh/node-class-name]",
                  "is not one of the operator's node classes");
  }
}

void check_adapters(const std::vector<Adapter>& adapters, const Rules& rules) {
  if (adapters.size() > kAdaptersMax) {
    rules.refuse(fmt::format("Number of Adapters exceeds the maximum limit, maximum of {} allowed",
                             kAdaptersMax),
                 "adapters");
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < adapters.size(); ++i) {
    const Rules at = rules.at(fmt::format("adapters[{}]", i));
    check_adapter(adapters[i], at);
    if (!adapters[i].source || adapters[i].source->name.empty()) continue;
    if (!names.insert(adapters[i].source->name).second) {
      at.refuse(fmt::format("Duplicate adapter source name found: {}", adapters[i].source->name),
                "source.name");
    }
  }
}

void check_inference(const InferenceSpec& inference, const StringMap& annotations,
                     const ValidationSettings& settings, const Rules& rules) {
  const bool has_template = !inference.pod_template.is_null();
  if (inference.preset.has_value() == has_template) {
    rules.refuse(has_template ? "Preset and Template cannot be set at the same time"
                              : "Preset or Template must be specified",
                 "");
  }
  if (inference.preset && trim(inference.preset->name).empty()) rules.missing("preset.name");
  check_adapters(inference.adapters, rules);
  const bool vllm =
      settings.vllm && value_or_empty(annotations, "kaito.sh/runtime") != "transformers";
  for (std::size_t i = 0; vllm && inference.preset && i < inference.adapters.size(); ++i) {
    if (inference.adapters[i].strength.empty()) continue;
    rules.refuse("vLLM does not support adapter strength", fmt::format("adapters[{}].strength", i));
  }
}

void check_tuning(const TuningSpec& tuning, const ResourceSpec& resource, const Rules& rules) {
  if (resource.count > 1) {
    rules.refuse("Tuning does not currently support multinode configurations", "resource.count");
  }
  if (resource.partition) rules.disallowed("resource.partition");
  const Rules at = rules.at("tuning");
  const std::string method = to_lower_ascii(tuning.method);
  if (method != "lora" && method != "qlora") {
    at.invalid(tuning.method, "method", "must be lora or qlora");
  }
  if (!tuning.preset) {
    at.missing("preset");
  } else if (trim(tuning.preset->name).empty()) {
    at.missing("preset.name");
  }
  check_tuning_input(tuning.input, at.at("input"));
  check_tuning_output(tuning.output, at.at("output"));
}

void check_tuning_change(const TuningSpec& tuning, const TuningSpec& before, const Rules& rules) {
  if (tuning.preset != before.preset) rules.refuse("field is immutable", "preset");
  if (tuning.method != before.method) rules.refuse("field is immutable", "method");
  if (tuning.input.name != before.input.name) rules.refuse("field is immutable", "input.name");
  if (!tuning.output.image.empty() && !is_image_reference(tuning.output.image)) {
    rules.invalid(tuning.output.image, "output.image", "is not an image reference");
  }
}

}  // namespace rage::apis::detail
