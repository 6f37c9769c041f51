#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kubeobjects/detail/merge_objects.h"
#include "kubeobjects/patch.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

constexpr std::string_view kOrderPrefix = "$setElementOrder/";
constexpr std::string_view kDeletePrefix = "$deleteFromPrimitiveList/";

Result<Json> merge_object(const SchemaView& schema, const Json& target, const Json& patch);

std::string directive_of(const Json& patch) {
  return patch.is_object() ? codec::string_or(patch, "$patch", "") : "";
}

Json without(Json object, std::string_view key) {
  object.erase(std::string(key));
  return object;
}

// What tells items of a list apart; none: an item without its merge key.
std::optional<std::string> identity_of(const Json& item, std::string_view merge_key) {
  if (merge_key.empty()) return codec::render_json(item);
  const Json* key = codec::find_key(item, merge_key);
  return key == nullptr ? std::nullopt : std::optional(codec::render_json(*key));
}

// The items of a list whose identity is known, while it changes.
class ItemList final {
 public:
  ItemList(const Json& list, std::string_view merge_key) {
    for (const Json& item : list) add(identity_of(item, merge_key), item);
  }

  // The first of those alike; null if there is none.
  Json* find(const std::string& identity) {
    const auto found = places_.find(identity);
    return found == places_.end() ? nullptr : &*items_[found->second.front()];
  }
  void add(const std::optional<std::string>& identity, Json item) {
    if (identity) places_[*identity].push_back(items_.size());
    items_.emplace_back(std::move(item));
  }
  void remove(const std::string& identity) {
    const auto found = places_.find(identity);
    if (found == places_.end()) return;
    for (const std::size_t place : found->second) items_[place].reset();
    places_.erase(found);
  }
  Json take() {
    Json list = Json::array();
    for (std::optional<Json>& item : items_) {
      if (item) list.push_back(*std::move(item));
    }
    return list;
  }

 private:
  std::vector<std::optional<Json>> items_;
  std::map<std::string, std::vector<std::size_t>> places_;
};

Result<void> merge_item(const SchemaView& items, std::string_view merge_key, ItemList& list,
                        const Json& change) {
  const auto identity = identity_of(change, merge_key);
  if (!identity) {
    return fail(status_error({.http_status = 500},
                             fmt::format("map: {} does not contain declared merge key: {}",
                                         codec::render_json(change), merge_key)));
  }
  if (directive_of(change) == "delete") {
    list.remove(*identity);
    return {};
  }
  Json* const before = list.find(*identity);
  if (directive_of(change) == "replace" || before == nullptr) {
    ASSIGN_OR_RETURN(Json fresh, merge_object(items, Json::object(), without(change, "$patch")));
    if (before == nullptr) {
      list.add(identity, std::move(fresh));
    } else {
      *before = std::move(fresh);
    }
    return {};
  }
  ASSIGN_OR_RETURN(*before, merge_object(items, *before, change));
  return {};
}

Result<Json> merge_list(const SchemaView& schema, const Json& target, const Json& patch) {
  if (!schema.patch_merges()) return patch;
  const std::string_view merge_key = schema.patch_merge_key();
  const bool replaces = !merge_key.empty() && std::ranges::any_of(patch, [](const Json& item) {
    return item.is_object() && item.size() == 1 && directive_of(item) == "replace";
  });
  ItemList list(replaces ? Json::array() : target, merge_key);
  for (const Json& change : patch) {
    if (merge_key.empty()) {  // A set of plain values.
      const auto identity = identity_of(change, merge_key);
      if (list.find(*identity) == nullptr) list.add(identity, change);
      continue;
    }
    if (replaces && directive_of(change) == "replace" && change.size() == 1) continue;
    RETURN_IF_ERROR(merge_item(schema.items(), merge_key, list, change));
  }
  return list.take();
}

// What `order` names comes in its order; what it does not name stays behind what it followed.
Json ordered(const SchemaView& schema, const Json& list, const Json& order) {
  const std::string_view merge_key = schema.patch_merge_key();
  std::map<std::string, std::vector<const Json*>> named;
  for (const Json& wanted : order) {
    if (const auto identity = identity_of(wanted, merge_key)) named[*identity];
  }
  std::vector<bool> is_named;
  for (const Json& item : list) {
    const auto identity = identity_of(item, merge_key);
    const auto found = identity ? named.find(*identity) : named.end();
    is_named.push_back(found != named.end());
    if (found != named.end()) found->second.push_back(&item);
  }
  Json result = Json::array();
  std::size_t at = 0;
  const auto take_unnamed = [&] {
    while (at < list.size() && !is_named[at]) result.push_back(list[at++]);
  };
  take_unnamed();
  for (const Json& wanted : order) {
    if (const auto identity = identity_of(wanted, merge_key)) {
      for (const Json* const item : std::exchange(named[*identity], {})) result.push_back(*item);
    }
    if (at < list.size()) ++at;
    take_unnamed();
  }
  for (; at < list.size(); ++at) {
    if (!is_named[at]) result.push_back(list[at]);
  }
  return result;
}

void apply_list_directives(const SchemaView& schema, const Json& patch, Json& result) {
  for (const auto& [key, value] : patch.items()) {
    if (!value.is_array()) continue;
    const bool order = key.starts_with(kOrderPrefix);
    if (!order && !key.starts_with(kDeletePrefix)) continue;
    const std::string field = key.substr(key.find('/') + 1);
    const auto it = result.find(field);
    if (it == result.end() || !it->is_array()) continue;
    if (order) {
      *it = ordered(schema.field(field), *it, value);
    } else {
      ItemList kept(*it, {});
      for (const Json& item : value) kept.remove(codec::render_json(item));
      *it = kept.take();
    }
  }
}

void retain_keys(const Json& patch, Json& result) {
  const Json* retained = codec::find_key(patch, "$retainKeys");
  if (retained == nullptr || !retained->is_array()) return;
  std::set<std::string> names;
  for (const Json& name : *retained) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  Json kept = Json::object();
  for (auto& [key, value] : result.get_ref<Json::object_t&>()) {
    if (names.contains(key)) codec::append_key(kept, key, std::move(value));
  }
  result = std::move(kept);
}

Result<Json> merge_field(const SchemaView& field, const Json* before, const Json& value) {
  if (value.is_object()) return merge_object(field, before == nullptr ? Json() : *before, value);
  if (!value.is_array()) return value;
  return merge_list(field, before != nullptr && before->is_array() ? *before : Json::array(),
                    value);
}

Result<Json> merge_object(const SchemaView& schema, const Json& target, const Json& patch) {
  if (directive_of(patch) == "replace") return without(patch, "$patch");
  if (directive_of(patch) == "delete") return Json::object();
  Json kept = target.is_object() ? target : Json::object();
  retain_keys(patch, kept);
  Result<void> outcome;
  const auto merge = [&](const std::string& key, const Json* before,
                         const Json& value) -> std::optional<Json> {
    if (key.starts_with('$')) return before == nullptr ? std::nullopt : std::optional(*before);
    if (value.is_null() || directive_of(value) == "delete") return std::nullopt;
    auto merged = merge_field(schema.field(key), before, value);
    if (merged) return *std::move(merged);
    outcome = std::unexpected(std::move(merged).error());
    return std::nullopt;
  };
  Json result = detail::merge_objects(kept, patch, merge);
  RETURN_IF_ERROR(outcome);
  apply_list_directives(schema, patch, result);
  return result;
}

}  // namespace

Result<Json> strategic_merge_patch(const SchemaView& schema, const Json& document,
                                   const Json& patch) {
  if (!patch.is_object()) return fail(bad_request("a strategic merge patch is an object"));
  return merge_object(schema, document, patch);
}

}  // namespace rage::kubeobjects
