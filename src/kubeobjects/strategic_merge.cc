#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
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
  if (directive_of(change) == "merge") {
    return fail(
        status_error({.http_status = 500}, "merging lists cannot yet be specified in the patch"));
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

// Where each identity comes first.
std::map<std::string, std::size_t> places_in(const Json& list, std::string_view merge_key) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (const auto identity = identity_of(list[i], merge_key)) places.emplace(*identity, i);
  }
  return places;
}

struct Placed {
  std::size_t rank = 0;               // Among its like,
  std::size_t at = 0;                 // then in the list.
  std::optional<std::size_t> was_at;  // Before the patch.
};

// What `order` names comes in its order, all else as it was in `live`. Between the two lists, what
// was before another stays before it; what was not there comes as early as it can.
Json ordered(std::string_view merge_key, const Json& list, const Json& order, const Json& live) {
  const auto asked = places_in(order, merge_key);
  const auto was = places_in(live, merge_key);
  std::vector<Placed> named;
  std::vector<Placed> others;
  for (std::size_t at = 0; at < list.size(); ++at) {
    const std::string identity = identity_of(list[at], merge_key).value_or("");
    const auto before = was.find(identity);
    Placed placed{.rank = live.size(), .at = at, .was_at = std::nullopt};
    if (before != was.end()) placed.was_at = placed.rank = before->second;
    const auto wanted = asked.find(identity);
    if (wanted != asked.end()) placed.rank = wanted->second;
    (wanted != asked.end() ? named : others).push_back(placed);
  }
  const auto by_rank = [](const Placed& placed) { return std::pair(placed.rank, placed.at); };
  std::ranges::sort(named, {}, by_rank);
  std::ranges::sort(others, {}, by_rank);
  Json result = Json::array();
  auto other = others.begin();
  const auto goes_before = [&](const Placed& next) {
    return other != others.end() && other->was_at && next.was_at && *other->was_at < *next.was_at;
  };
  for (const Placed& next : named) {
    while (goes_before(next)) result.push_back(list[(other++)->at]);
    result.push_back(list[next.at]);
  }
  for (; other != others.end(); ++other) result.push_back(list[other->at]);
  return result;
}

Result<Json> merge_list(const SchemaView& schema, const Json& live, const Json& patch) {
  if (!schema.patch_merges()) return patch;
  const std::string_view merge_key = schema.patch_merge_key();
  const auto is_replace = [&](const Json& item) {
    return !merge_key.empty() && item.is_object() && item.size() == 1 &&
           directive_of(item) == "replace";
  };
  ItemList list(std::ranges::any_of(patch, is_replace) ? Json::array() : live, merge_key);
  for (const Json& change : patch) {
    if (is_replace(change)) continue;
    if (merge_key.empty()) {  // A set of plain values.
      const auto identity = identity_of(change, merge_key);
      if (list.find(*identity) == nullptr) list.add(identity, change);
    } else {
      RETURN_IF_ERROR(merge_item(schema.items(), merge_key, list, change));
    }
  }
  return ordered(merge_key, list.take(), patch, live);
}

std::string words_of(const Json& list) {
  std::vector<std::string> words;
  for (const Json& item : list) {
    words.push_back(item.is_string() ? item.get<std::string>() : codec::render_json(item));
  }
  return "[" + join(words, " ") + "]";
}

// What a patch has of a list must be in its order of the list, one after the other.
Result<void> check_order(std::string_view merge_key, const Json& changes, const Json& order) {
  auto next = order.begin();
  for (const Json& change : changes) {
    if (!directive_of(change).empty()) continue;
    const auto identity = identity_of(change, merge_key);
    next = std::find_if(next, order.end(),
                        [&](const Json& item) { return identity_of(item, merge_key) == identity; });
    if (next != order.end()) continue;
    return fail(status_error({.http_status = 500},
                             fmt::format("The order in patch list:\n{}\n doesn't match "
                                         "$setElementOrder list:\n{}\n",
                                         words_of(changes), words_of(order))));
  }
  return {};
}

Result<void> put_in_order(const SchemaView& field, const Json* live, const Json* changes,
                          const Json& order, Json& list) {
  const std::string_view merge_key = field.patch_merge_key();
  if (changes != nullptr && changes->is_array()) {
    RETURN_IF_ERROR(check_order(merge_key, *changes, order));
  }
  const bool was_there = live != nullptr && live->is_array();
  list = ordered(merge_key, list, order, was_there ? *live : Json::array());
  return {};
}

Result<void> apply_list_directives(const SchemaView& schema, const Json& live, const Json& patch,
                                   Json& result) {
  for (const auto& [key, value] : patch.items()) {
    if (!value.is_array()) continue;
    const bool order = key.starts_with(kOrderPrefix);
    if (!order && !key.starts_with(kDeletePrefix)) continue;
    const std::string field = key.substr(key.find('/') + 1);
    const auto it = result.find(field);
    if (it == result.end() || !it->is_array()) continue;
    if (order) {
      RETURN_IF_ERROR(put_in_order(schema.field(field), codec::find_key(live, field),
                                   codec::find_key(patch, field), value, *it));
    } else {
      ItemList kept(*it, {});
      for (const Json& item : value) kept.remove(codec::render_json(item));
      *it = kept.take();
    }
  }
  return {};
}

Result<void> retain_keys(const Json& patch, Json& result) {
  const Json* retained = codec::find_key(patch, "$retainKeys");
  if (retained == nullptr || !retained->is_array()) return {};
  std::set<std::string> names;
  for (const Json& name : *retained) {
    if (name.is_string()) names.insert(name.get<std::string>());
  }
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with('$') || names.contains(key)) continue;
    return fail(bad_request("invalid patch format of retainKeys"));
  }
  Json kept = Json::object();
  for (auto& [key, value] : result.get_ref<Json::object_t&>()) {
    if (names.contains(key)) codec::append_key(kept, key, std::move(value));
  }
  result = std::move(kept);
  return {};
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
  if (const std::string directive = directive_of(patch); !directive.empty()) {
    return fail(status_error(
        {.http_status = 500},
        fmt::format("unknown patch type: {} in map: {}", directive, codec::render_json(patch))));
  }
  Json kept = target.is_object() ? target : Json::object();
  RETURN_IF_ERROR(retain_keys(patch, kept));
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
  RETURN_IF_ERROR(apply_list_directives(schema, kept, patch, result));
  return result;
}

}  // namespace

Result<Json> strategic_merge_patch(const SchemaView& schema, const Json& document,
                                   const Json& patch) {
  if (!patch.is_object()) return fail(bad_request("a strategic merge patch is an object"));
  return merge_object(schema, document, patch);
}

}  // namespace rage::kubeobjects
