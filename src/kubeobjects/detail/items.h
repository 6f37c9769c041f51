// Items of associative lists: their identity as FieldsV1 writes it.
#pragma once

#include <map>
#include <string>

#include "kubeobjects/schema_view.h"

namespace rage::kubeobjects::detail {

// "k:{\"containerPort\":80,\"protocol\":\"TCP\"}", "v:\"a\""
inline std::string item_key(const SchemaView& list, const Json& item) {
  if (list.list_kind() == ListKind::kSet) return "v:" + codec::render_json(item);
  std::map<std::string, Json> sorted;
  const Json keys = item_keys(list, item);
  for (const auto& [name, value] : keys.items()) sorted[name] = value;
  Json ordered = Json::object();
  for (auto& [name, value] : sorted) ordered[name] = std::move(value);
  return "k:" + codec::render_json(ordered);
}

}  // namespace rage::kubeobjects::detail
