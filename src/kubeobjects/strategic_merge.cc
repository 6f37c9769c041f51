#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

Json::iterator find_item(Json& list, std::string_view merge_key, const Json& wanted) {
  return std::ranges::find_if(list, [&](const Json& item) {
    const Json* value = codec::find_key(item, merge_key);
    return value != nullptr && *value == wanted;
  });
}

Result<void> merge_item(const SchemaView& items, std::string_view merge_key, Json& list,
                        const Json& change) {
  const Json* key = codec::find_key(change, merge_key);
  if (key == nullptr) {
    return fail(status_error({.http_status = 500},
                             fmt::format("map: {} does not contain declared merge key: {}",
                                         codec::render_json(change), merge_key)));
  }
  const auto it = find_item(list, merge_key, *key);
  if (directive_of(change) == "delete") {
    if (it != list.end()) list.erase(it);
    return {};
  }
  if (directive_of(change) == "replace" || it == list.end()) {
    ASSIGN_OR_RETURN(Json fresh, merge_object(items, Json::object(), without(change, "$patch")));
    if (it == list.end()) {
      list.push_back(std::move(fresh));
    } else {
      *it = std::move(fresh);
    }
    return {};
  }
  ASSIGN_OR_RETURN(*it, merge_object(items, *it, change));
  return {};
}

Result<Json> merge_list(const SchemaView& schema, Json target, const Json& patch) {
  if (!schema.patch_merges()) return patch;
  const std::string_view merge_key = schema.patch_merge_key();
  if (merge_key.empty()) {  // A set of plain values.
    for (const Json& value : patch) {
      if (std::ranges::count(target, value) == 0) target.push_back(value);
    }
    return target;
  }
  const bool replaces = std::ranges::any_of(patch, [](const Json& item) {
    return item.is_object() && item.size() == 1 && directive_of(item) == "replace";
  });
  if (replaces) target = Json::array();
  for (const Json& change : patch) {
    if (replaces && directive_of(change) == "replace" && change.size() == 1) continue;
    RETURN_IF_ERROR(merge_item(schema.items(), merge_key, target, change));
  }
  return target;
}

bool is_item(const Json& item, std::string_view merge_key, const Json& wanted) {
  if (merge_key.empty()) return item == wanted;
  const Json* have = codec::find_key(item, merge_key);
  const Json* want = codec::find_key(wanted, merge_key);
  return have != nullptr && want != nullptr && *have == *want;
}

// What `order` names comes in its order; what it does not name stays behind what it followed.
Json ordered(const SchemaView& schema, const Json& list, const Json& order) {
  const std::string_view merge_key = schema.patch_merge_key();
  const auto is_named = [&](const Json& item) {
    return std::ranges::any_of(
        order, [&](const Json& wanted) { return is_item(item, merge_key, wanted); });
  };
  Json result = Json::array();
  std::size_t at = 0;
  const auto take_unnamed = [&] {
    while (at < list.size() && !is_named(list[at])) result.push_back(list[at++]);
  };
  take_unnamed();
  for (const Json& wanted : order) {
    for (const Json& item : list) {
      if (is_item(item, merge_key, wanted)) result.push_back(item);
    }
    if (at < list.size()) ++at;
    take_unnamed();
  }
  for (; at < list.size(); ++at) {
    if (!is_named(list[at])) result.push_back(list[at]);
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
      Json kept = Json::array();
      for (const Json& item : *it) {
        if (std::ranges::count(value, item) == 0) kept.push_back(item);
      }
      *it = std::move(kept);
    }
  }
}

void retain_keys(const Json& patch, Json& result) {
  const Json* retained = codec::find_key(patch, "$retainKeys");
  if (retained == nullptr || !retained->is_array()) return;
  Json kept = Json::object();
  for (const auto& [key, value] : result.items()) {
    if (std::ranges::count(*retained, Json(key)) > 0) kept[key] = value;
  }
  result = std::move(kept);
}

Result<Json> merge_object(const SchemaView& schema, const Json& target, const Json& patch) {
  if (directive_of(patch) == "replace") return without(patch, "$patch");
  if (directive_of(patch) == "delete") return Json::object();
  Json result = target.is_object() ? target : Json::object();
  retain_keys(patch, result);
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with('$')) continue;
    if (value.is_null() || (value.is_object() && directive_of(value) == "delete")) {
      result.erase(key);
      continue;
    }
    const SchemaView field = schema.field(key);
    const Json* before = codec::find_key(result, key);
    if (value.is_object()) {
      ASSIGN_OR_RETURN(Json merged, merge_object(field, before ? *before : Json(), value));
      result[key] = std::move(merged);
    } else if (value.is_array()) {
      const bool list = before != nullptr && before->is_array();
      ASSIGN_OR_RETURN(Json merged, merge_list(field, list ? *before : Json::array(), value));
      result[key] = std::move(merged);
    } else {
      result[key] = value;
    }
  }
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
