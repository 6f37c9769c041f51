// How objects differ, merge and shrink, field by field.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "codec/documents.h"
#include "codec/key_finder.h"
#include "kubeobjects/detail/items.h"
#include "kubeobjects/detail/merge_objects.h"
#include "kubeobjects/field_set.h"

namespace rage::kubeobjects {
namespace {

// Structs that a built-in object always has, empty or not: they are never added as such.
constexpr auto kAlwaysThere = std::to_array<std::string_view>(
    {"spec", "status", "template", "metadata", "resources", "strategy", "updateStrategy",
     "jobTemplate", "roleRef", "involvedObject", "source", "names", "containers"});

bool is_always_there(const SchemaView& schema, std::string_view key) {
  const SchemaView field = schema.field(key);
  const bool builtin = field.is_reference() || field.items().is_reference();
  return builtin && schema.declares(key) && std::ranges::count(kAlwaysThere, key) > 0;
}

bool is_associative(const SchemaView& schema, const Json& value) {
  return value.is_array() && schema.list_kind() != ListKind::kAtomic;
}

// Has parts that are owned one by one.
bool is_granular(const SchemaView& schema, const Json& value) {
  return (value.is_object() && !schema.is_atomic_map()) || is_associative(schema, value);
}

// Of items alike the first.
std::map<std::string, const Json*> items_by_key(const SchemaView& schema, const Json& list) {
  std::map<std::string, const Json*> items;
  for (const Json& item : list) items.emplace(detail::item_key(schema, item), &item);
  return items;
}

// Whether a value was there before, empty, when it comes.
enum class Place {
  kOrdinary,
  kAlwaysThere,
  kOfItem,  // Of an item of a list, which came as a whole.
};

Place place_of(const SchemaView& schema, std::string_view key, const Json& value) {
  return is_always_there(schema, key) && value.is_structured() ? Place::kAlwaysThere
                                                               : Place::kOrdinary;
}

// Every path in a value that came or went as a whole.
void mark(const SchemaView& schema, const Json& value, FieldSet& set, Place place) {
  if (!is_granular(schema, value) || value.empty()) {
    set.member = true;
    return;
  }
  if (place != Place::kAlwaysThere) set.member = true;
  if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      if (key == "metadata" && inner.is_object() && inner.empty()) continue;
      mark(schema.field(key), inner, set.children["f:" + key],
           place == Place::kOfItem ? place : place_of(schema, key, inner));
    }
    return;
  }
  for (const Json& item : value) {
    FieldSet& child = set.children[detail::item_key(schema, item)];
    if (schema.list_kind() == ListKind::kMap) mark(schema.items(), item, child, Place::kOfItem);
    child.member = true;
  }
}

void compare_values(const SchemaView& schema, const Json& before, const Json& after,
                    Comparison& out);

// One child of both, either null where it is not there.
void compare_child(const SchemaView& schema, const std::string& key, const Json* before,
                   const Json* after, Place place, Comparison& out) {
  Comparison inner;
  if (before == nullptr) {
    mark(schema, *after, inner.changed, place);
  } else if (after == nullptr) {
    mark(schema, *before, inner.removed, place);
  } else {
    compare_values(schema, *before, *after, inner);
  }
  if (!inner.changed.empty()) out.changed.children[key] = std::move(inner.changed);
  if (!inner.removed.empty()) out.removed.children[key] = std::move(inner.removed);
}

void compare_objects(const SchemaView& schema, const Json& before, const Json& after,
                     Comparison& out) {
  const codec::KeyFinder was(before);
  for (const auto& [key, value] : after.items()) {
    compare_child(schema.field(key), "f:" + key, was.find(key), &value,
                  place_of(schema, key, value), out);
  }
  const codec::KeyFinder is(after);
  for (const auto& [key, value] : before.items()) {
    if (is.find(key) != nullptr) continue;
    compare_child(schema.field(key), "f:" + key, &value, nullptr, place_of(schema, key, value),
                  out);
  }
}

void compare_lists(const SchemaView& schema, const Json& before, const Json& after,
                   Comparison& out) {
  const auto was = items_by_key(schema, before);
  for (const Json& item : after) {
    const std::string key = detail::item_key(schema, item);
    const auto known = was.find(key);
    if (schema.list_kind() == ListKind::kSet && known != was.end()) continue;
    compare_child(schema.items(), key, known == was.end() ? nullptr : known->second, &item,
                  Place::kOfItem, out);
  }
  const auto is = items_by_key(schema, after);
  for (const auto& [key, item] : was) {
    if (!is.contains(key)) compare_child(schema.items(), key, item, nullptr, Place::kOfItem, out);
  }
}

void compare_values(const SchemaView& schema, const Json& before, const Json& after,
                    Comparison& out) {
  const bool granular = is_granular(schema, before) && is_granular(schema, after) &&
                        before.type() == after.type() && !(before.empty() && after.empty());
  if (!granular) {
    if (!codec::same_json(before, after)) out.changed.member = true;
  } else if (before.is_object()) {
    compare_objects(schema, before, after, out);
  } else {
    compare_lists(schema, before, after, out);
  }
}

// What both have comes in the order of `config`. What only `live` has comes as it is passed on the
// way through `live` to the next item of `config` that is there.
Json merge_lists(const SchemaView& schema, const Json& live, const Json& config) {
  const auto known = items_by_key(schema, live);
  const auto stated = items_by_key(schema, config);
  const bool merges = schema.list_kind() == ListKind::kMap;
  Json result = Json::array();
  auto next = config.begin();
  // All that is stated up to what is in `live` too; its key, or none.
  std::string shared;
  const auto find_shared = [&] {
    const auto at = std::find_if(next, config.end(), [&](const Json& item) {
      return known.contains(detail::item_key(schema, item));
    });
    shared = at == config.end() ? "" : detail::item_key(schema, *at);
  };
  const auto take_stated = [&] {
    const auto before = known.find(detail::item_key(schema, *next));
    result.push_back(merges && before != known.end()
                         ? merge_applied(schema.items(), *before->second, *next)
                         : *next);
    ++next;
  };
  find_shared();
  for (const Json& item : live) {
    const std::string key = detail::item_key(schema, item);
    if (!stated.contains(key)) {
      result.push_back(item);
    } else if (key == shared) {
      while (detail::item_key(schema, *next) != shared) take_stated();
      take_stated();
      find_shared();
    }
  }
  while (next != config.end()) take_stated();
  return result;
}

void prune_list(const SchemaView& schema, Json& list, const FieldSet& last, const FieldSet& owned) {
  Json kept = Json::array();
  for (Json& item : list) {
    const std::string key = detail::item_key(schema, item);
    const auto was = last.children.find(key);
    const auto still = owned.children.find(key);
    if (was != last.children.end()) {
      if (still == owned.children.end()) continue;
      prune_unowned(schema.items(), item, was->second, still->second);
    }
    kept.push_back(std::move(item));
  }
  list = std::move(kept);
}

}  // namespace

Comparison compare(const SchemaView& schema, const Json& before, const Json& after) {
  Comparison result;
  compare_values(schema, before, after, result);
  result.changed.member = false;
  return result;
}

Json merge_applied(const SchemaView& schema, const Json& live, const Json& config) {
  if (!is_granular(schema, config) || live.type() != config.type()) return config;
  if (config.is_array()) return merge_lists(schema, live, config);
  const auto merge = [&](const std::string& key, const Json* before,
                         const Json& value) -> std::optional<Json> {
    if (value.is_null()) return std::nullopt;
    return before == nullptr ? value : merge_applied(schema.field(key), *before, value);
  };
  return detail::merge_objects(live, config, merge);
}

void prune_unowned(const SchemaView& schema, Json& value, const FieldSet& last,
                   const FieldSet& owned) {
  if (is_associative(schema, value)) {
    prune_list(schema, value, last, owned);
    return;
  }
  if (!value.is_object()) return;
  Json kept = Json::object();
  for (auto& [key, inner] : value.get_ref<Json::object_t&>()) {
    const auto was = last.children.find("f:" + key);
    if (was != last.children.end()) {
      const auto still = owned.children.find(was->first);
      if (still == owned.children.end()) continue;
      const bool had_parts = inner.is_structured() && !inner.empty();
      prune_unowned(schema.field(key), inner, was->second, still->second);
      if (had_parts && inner.empty() && !still->second.member) continue;
    }
    codec::append_key(kept, key, std::move(inner));
  }
  value = std::move(kept);
}

}  // namespace rage::kubeobjects
