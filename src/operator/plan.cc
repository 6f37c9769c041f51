#include "operator/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "base/sha256.h"

namespace rage::op {
namespace {

constexpr std::string_view kAppliedAnnotation = "rage.dev/applied";

// resource.Quantity as a number; good enough to tell "1Gi" from "1024Mi" apart or not.
std::optional<long double> parse_quantity(const Json& value) {
  if (value.is_number()) return value.get<long double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  char* end = nullptr;
  const long double number = std::strtold(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, long double>, 14> kSuffixes{{
      {"", 1},
      {"n", 1e-9L},
      {"u", 1e-6L},
      {"m", 1e-3L},
      {"k", 1e3L},
      {"M", 1e6L},
      {"G", 1e9L},
      {"T", 1e12L},
      {"P", 1e15L},
      {"Ki", 0x1p10L},
      {"Mi", 0x1p20L},
      {"Gi", 0x1p30L},
      {"Ti", 0x1p40L},
      {"Pi", 0x1p50L},
  }};
  const auto* suffix = std::ranges::find(kSuffixes, std::string_view(end),
                                         [](const auto& entry) { return entry.first; });
  if (suffix == kSuffixes.end()) return std::nullopt;
  return number * suffix->second;
}

bool holds_quantities(std::string_view key) {
  return key == "requests" || key == "limits" || key == "capacity";
}

bool is_empty(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_null() || (value.is_structured() && value.empty());
}

enum class Scalars { kExact, kQuantities };

bool contains(const Json& observed, const Json& wanted, Scalars scalars);

const Json* find_named(const Json& list, const Json& name) {
  const auto found = std::ranges::find_if(list, [&](const Json& item) {
    const Json* other = codec::find_key(item, "name");
    return other != nullptr && *other == name;
  });
  return found == list.end() ? nullptr : &*found;
}

// Lists whose items have names (containers, env, volumes) are maps to the API server: others may
// add to them, and the order is not ours.
bool contains_list(const Json& observed, const Json& wanted, Scalars scalars) {
  const bool named = std::ranges::all_of(
      wanted, [](const Json& item) { return codec::find_key(item, "name") != nullptr; });
  if (named) {
    return std::ranges::all_of(wanted, [&](const Json& item) {
      const Json* other = find_named(observed, *codec::find_key(item, "name"));
      return other != nullptr && contains(*other, item, scalars);
    });
  }
  return std::ranges::equal(wanted, observed, [&](const Json& want, const Json& have) {
    return contains(have, want, scalars);
  });
}

bool contains_object(const Json& observed, const Json& wanted, Scalars scalars) {
  return std::ranges::all_of(wanted.items(), [&](const auto& member) {
    const auto have = observed.find(member.key());
    if (have == observed.end()) return is_empty(member.value());
    const bool quantity = holds_quantities(member.key()) || member.key() == "sizeLimit";
    return contains(*have, member.value(), quantity ? Scalars::kQuantities : scalars);
  });
}

bool contains(const Json& observed, const Json& wanted, Scalars scalars) {
  if (wanted.is_object() && observed.is_object()) return contains_object(observed, wanted, scalars);
  if (wanted.is_array() && observed.is_array()) {
    if (wanted.empty() != observed.empty()) return false;
    return contains_list(observed, wanted, scalars);
  }
  if (scalars == Scalars::kQuantities) {
    const auto have = parse_quantity(observed);
    const auto want = parse_quantity(wanted);
    if (have && want) return std::abs(*have - *want) <= 1e-9L * std::abs(*want);
  }
  return observed == wanted || (is_empty(observed) && is_empty(wanted));
}

// Keys sorted, so that the stamp does not depend on the order a renderer happens to use.
nlohmann::json sorted(const Json& value) {
  return nlohmann::json::parse(codec::render_json(value));
}

}  // namespace

bool needs_apply(const Json& wanted, const Json& observed) {
  return !observed.is_object() || !contains(observed, wanted, Scalars::kExact);
}

void stamp_applied(Json& object) {
  const std::string digest = sha256_hex(sorted(object).dump());
  object["metadata"]["annotations"][std::string(kAppliedAnnotation)] = digest.substr(0, 16);
}

void plan_apply(std::vector<Change>& changes, const ResourceType& type, Json wanted,
                const Json& observed) {
  stamp_applied(wanted);
  if (needs_apply(wanted, observed)) changes.emplace_back(ApplyObject{type, std::move(wanted)});
}

Json controller_reference(const ResourceType& type, const ObjectMeta& owner) {
  return {{"apiVersion", type.api_version()},
          {"kind", type.kind},
          {"name", owner.name},
          {"uid", owner.uid},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

Json object_of(const ResourceType& type, const ObjectKey& key) {
  Json object = {{"apiVersion", type.api_version()}, {"kind", type.kind}};
  object["metadata"]["name"] = key.name;
  if (!key.ns.empty()) object["metadata"]["namespace"] = key.ns;
  return object;
}

void set_owner(Json& object, const ResourceType& owner_type, const ObjectMeta& owner) {
  object["metadata"]["ownerReferences"] = Json::array({controller_reference(owner_type, owner)});
}

std::string render_time(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

std::optional<std::chrono::system_clock::time_point> parse_time(std::string_view text) {
  std::tm parts{};
  const std::string terminated(text);
  const char* end = strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || (std::string_view(end) != "Z" && *end != '.')) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

}  // namespace rage::op
