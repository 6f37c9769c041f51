#include "kubeobjects/field_set.h"

#include <algorithm>
#include <utility>

#include "codec/key_finder.h"
#include "kubeobjects/detail/items.h"

namespace rage::kubeobjects {
namespace {

constexpr int kFieldsDepthMax = 64;

FieldSet parse_node(const Json& node, int depth) {
  FieldSet set;
  if (!node.is_object() || depth > kFieldsDepthMax) return set;
  for (const auto& [key, inner] : node.items()) {
    if (key == ".") {
      set.member = true;
    } else {
      set.children[key] = parse_node(inner, depth + 1);
    }
  }
  if (node.empty()) set.member = true;
  return set;
}

void collect_paths(const FieldSet& set, const std::string& path, std::size_t most,
                   std::vector<std::string>& out) {
  for (const auto& [key, inner] : set.children) {
    if (out.size() >= most) return;
    std::string here = path;
    if (key.starts_with("f:")) here += "." + key.substr(2);
    if (key.starts_with("v:")) here += "[=" + key.substr(2) + "]";
    if (key.starts_with("k:")) {
      const auto keys = codec::parse_json(std::string_view(key).substr(2));
      const Json identity = keys ? *keys : Json::object();
      std::string inside;
      for (const auto& [name, value] : identity.items()) {
        inside += (inside.empty() ? "" : ",") + name + "=" + codec::render_json(value);
      }
      here += "[" + inside + "]";
    }
    if (inner.member) out.push_back(here);
    collect_paths(inner, here, most, out);
  }
}

void add_fields(const SchemaView& schema, const Json& value, FieldSet& set);

void add_object(const SchemaView& schema, const Json& value, FieldSet& set) {
  for (const auto& [key, inner] : value.items()) {
    FieldSet child;
    const SchemaView field = schema.field(key);
    add_fields(field, inner, child);
    if (inner.is_object() && (inner.empty() || !schema.declares(key))) child.member = true;
    // An associative list without items is nobody's.
    if (!child.empty()) set.children.emplace("f:" + key, std::move(child));
  }
}

void add_fields(const SchemaView& schema, const Json& value, FieldSet& set) {
  if (value.is_object() && !schema.is_atomic_map()) {
    add_object(schema, value, set);
  } else if (value.is_array() && schema.list_kind() != ListKind::kAtomic) {
    for (const Json& item : value) {
      FieldSet& child = set.children[detail::item_key(schema, item)];
      if (schema.list_kind() == ListKind::kMap) add_fields(schema.items(), item, child);
      child.member = true;
    }
  } else {
    set.member = true;
  }
}

}  // namespace

FieldSet parse_fields(const Json& fields_v1) {
  FieldSet set = parse_node(fields_v1, 0);
  set.member = false;
  return set;
}

Json render_fields(const FieldSet& set) {
  Json node = Json::object();
  if (set.member && !set.children.empty()) node["."] = Json::object();
  for (const auto& [key, inner] : set.children) codec::append_key(node, key, render_fields(inner));
  return node;
}

FieldSet union_of(const FieldSet& a, const FieldSet& b) {
  FieldSet result = a;
  result.member = a.member || b.member;
  for (const auto& [key, inner] : b.children) {
    const auto it = result.children.find(key);
    if (it == result.children.end()) {
      result.children.emplace(key, inner);
    } else {
      it->second = union_of(it->second, inner);
    }
  }
  return result;
}

FieldSet difference_of(const FieldSet& a, const FieldSet& b) {
  FieldSet result;
  result.member = a.member && !b.member;
  for (const auto& [key, inner] : a.children) {
    const auto it = b.children.find(key);
    FieldSet left = it == b.children.end() ? inner : difference_of(inner, it->second);
    if (!left.empty()) result.children.emplace(key, std::move(left));
  }
  return result;
}

FieldSet intersection_of(const FieldSet& a, const FieldSet& b) {
  FieldSet result;
  result.member = a.member && b.member;
  for (const auto& [key, inner] : a.children) {
    const auto it = b.children.find(key);
    if (it == b.children.end()) continue;
    FieldSet both = intersection_of(inner, it->second);
    if (!both.empty()) result.children.emplace(key, std::move(both));
  }
  return result;
}

std::vector<std::string> paths_of(const FieldSet& set, std::size_t most) {
  std::vector<std::string> paths;
  collect_paths(set, "", most, paths);
  if (paths.size() > most) paths.resize(most);
  return paths;
}

FieldSet fields_of(const SchemaView& schema, const Json& value) {
  FieldSet set;
  add_fields(schema, value, set);
  set.member = false;
  return set;
}

}  // namespace rage::kubeobjects
