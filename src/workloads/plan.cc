#include "workloads/plan.h"

#include <algorithm>
#include <array>
#include <ctime>

#include "base/sha256.h"
#include "workloads/detail/json_at.h"

namespace rage::workloads {

using namespace std::chrono_literals;

void Plan::look_again(std::chrono::milliseconds delay) {
  const auto wanted = std::max<std::chrono::milliseconds>(delay, 1s);
  requeue_after = requeue_after ? std::min(*requeue_after, wanted) : wanted;
}

void Plan::tell(std::string reason, std::string message) {
  events.push_back({kube::EventType::kNormal, std::move(reason), std::move(message)});
}

void Plan::warn(std::string reason, std::string message) {
  events.push_back({kube::EventType::kWarning, std::move(reason), std::move(message)});
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

std::string render_time(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), length};
}

std::optional<WallTime> parse_time(std::string_view text) {
  std::tm parts{};
  const std::string terminated(text);
  const char* end = strptime(terminated.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr || (std::string_view(end) != "Z" && *end != '.')) return std::nullopt;
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

Json merge_patch_of(const Json& from, const Json& to) {
  Json patch = Json::object();
  for (const auto& [key, value] : to.items()) {
    const Json* before = codec::find_key(from, key);
    if (before == nullptr) {
      patch[key] = value;
    } else if (value.is_object() && before->is_object()) {
      Json inner = merge_patch_of(*before, value);
      if (!inner.empty()) patch[key] = std::move(inner);
    } else if (!detail::same_json(*before, value)) {
      patch[key] = value;
    }
  }
  if (!from.is_object()) return patch;
  for (const auto& [key, value] : from.items()) {
    if (!to.contains(key)) patch[key] = nullptr;
  }
  return patch;
}

std::string short_hash(const Json& value) {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  constexpr std::size_t kLength = 10;
  // Keys sorted: the order in which a renderer happens to write them does not matter.
  const Sha256Digest digest = [&] {
    Sha256 hash;
    hash.update(
        nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return hash.finish();
  }();
  std::string text;
  for (std::size_t i = 0; i < kLength; ++i) {
    text += kLetters[static_cast<unsigned char>(digest[i]) % kLetters.size()];
  }
  return text;
}

const Json* find_condition(const Json& conditions, std::string_view type) {
  if (!conditions.is_array()) return nullptr;
  const auto found = std::ranges::find_if(conditions, [&](const Json& condition) {
    return codec::string_or(condition, "type", "") == type;
  });
  return found == conditions.end() ? nullptr : &*found;
}

bool is_condition_true(const Json& object, std::string_view type) {
  const Json* found = find_condition(detail::list_at(object, {"status", "conditions"}), type);
  return found != nullptr && codec::string_or(*found, "status", "") == "True";
}

void set_condition(Json& conditions, const PlainCondition& condition, WallTime now) {
  if (!conditions.is_array()) conditions = Json::array();
  const Json* before = find_condition(conditions, condition.type);
  Json next = {{"type", condition.type}, {"status", condition.status}};
  next["lastTransitionTime"] =
      before != nullptr && codec::string_or(*before, "status", "") == condition.status
          ? codec::string_or(*before, "lastTransitionTime", render_time(now))
          : render_time(now);
  if (!condition.reason.empty()) next["reason"] = condition.reason;
  if (!condition.message.empty()) next["message"] = condition.message;
  for (const auto& [key, value] : condition.extra.items()) next[key] = value;
  for (Json& each : conditions) {
    if (codec::string_or(each, "type", "") != condition.type) continue;
    each = std::move(next);
    return;
  }
  conditions.push_back(std::move(next));
}

}  // namespace rage::workloads
