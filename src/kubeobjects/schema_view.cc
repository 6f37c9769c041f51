#include "kubeobjects/schema_view.h"

#include <map>

#include "base/check.h"

namespace rage::kubeobjects {
namespace {

struct TypeText {
  std::string_view name;
  std::string_view schema;
};
constexpr TypeText kTypes[] = {
#include "kubeobjects/data/types.inc"
};

constexpr std::string_view kKeepUnknown = "x-kubernetes-preserve-unknown-fields";

const Json* target_of(const Json* node) {
  const Json* reference = node == nullptr ? nullptr : codec::find_key(*node, "$ref");
  // A CRD has no references, and a property of that name is an object.
  if (reference == nullptr || !reference->is_string()) return nullptr;
  return find_builtin_type(reference->get_ref<const std::string&>());
}

}  // namespace

const Json& builtin_types() {
  static const Json types = [] {
    Json made = Json::object();
    for (const TypeText& type : kTypes) {
      auto parsed = codec::parse_json(type.schema);
      CHECK(parsed.has_value());  // Ours, generated.
      made.push_back({std::string(type.name), *std::move(parsed)});
    }
    return made;
  }();
  return types;
}

const Json* find_builtin_type(std::string_view name) {
  static const std::map<std::string, const Json*, std::less<>> index = [] {
    std::map<std::string, const Json*, std::less<>> found;
    for (const auto& [key, type] : builtin_types().items()) found[key] = &type;
    return found;
  }();
  const auto it = index.find(name);
  return it == index.end() ? nullptr : it->second;
}

SchemaView::SchemaView(const Json* node) : node_(node), target_(target_of(node)) {}

const Json* SchemaView::keyword(std::string_view name) const {
  if (node_ == nullptr) return nullptr;
  const Json* found = codec::find_key(*node_, name);
  return found == nullptr && target_ != nullptr ? codec::find_key(*target_, name) : found;
}

bool SchemaView::flag(std::string_view name) const {
  const Json* value = keyword(name);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string_view SchemaView::text(std::string_view name) const {
  const Json* value = keyword(name);
  return value != nullptr && value->is_string() ? value->get_ref<const std::string&>()
                                                : std::string_view();
}

std::string_view SchemaView::type() const {
  return text("type");
}

bool SchemaView::declares(std::string_view field) const {
  const Json* properties = keyword("properties");
  return properties != nullptr && codec::find_key(*properties, field) != nullptr;
}

SchemaView SchemaView::field(std::string_view name) const {
  if (const Json* properties = keyword("properties")) {
    if (const Json* found = codec::find_key(*properties, name)) return SchemaView(found);
  }
  const Json* additional = keyword("additionalProperties");
  return additional != nullptr && additional->is_object() ? SchemaView(additional) : SchemaView();
}

SchemaView SchemaView::items() const {
  const Json* items = keyword("items");
  return items != nullptr && items->is_object() ? SchemaView(items) : SchemaView();
}

bool SchemaView::keeps_unknown() const {
  if (!known() || flag(kKeepUnknown)) return true;
  return type().empty() && keyword("properties") == nullptr;
}

bool SchemaView::is_map() const {
  return keyword("additionalProperties") != nullptr;
}

bool SchemaView::is_int_or_string() const {
  return flag("x-kubernetes-int-or-string") || text("format") == "int-or-string";
}

bool SchemaView::is_quantity() const {
  return node_ != nullptr && codec::string_or(*node_, "$ref", "") == "api.resource.Quantity";
}

ListKind SchemaView::list_kind() const {
  const std::string_view kind = text("x-kubernetes-list-type");
  if (kind == "map") return ListKind::kMap;
  return kind == "set" ? ListKind::kSet : ListKind::kAtomic;
}

std::vector<std::string> SchemaView::map_keys() const {
  std::vector<std::string> keys;
  const Json* list = keyword("x-kubernetes-list-map-keys");
  for (const Json& key : list != nullptr ? *list : Json::array()) {
    if (key.is_string()) keys.push_back(key.get<std::string>());
  }
  return keys;
}

bool SchemaView::is_atomic_map() const {
  if (text("x-kubernetes-map-type") == "atomic") return true;
  return is_reference() && keeps_unknown() && keyword("properties") == nullptr;
}

bool SchemaView::patch_merges() const {
  return text("x-kubernetes-patch-strategy").find("merge") != std::string_view::npos;
}

Json item_keys(const SchemaView& list, const Json& item) {
  Json keys = Json::object();
  if (!item.is_object()) return keys;
  const SchemaView schema = list.items();
  for (const std::string& name : list.map_keys()) {
    if (const Json* value = codec::find_key(item, name)) {
      keys[name] = *value;
    } else if (const Json* standard = schema.field(name).keyword("default")) {
      keys[name] = *standard;
    }
  }
  return keys;
}

}  // namespace rage::kubeobjects
