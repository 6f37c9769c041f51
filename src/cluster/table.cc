#include "cluster/table.h"

#include <utility>

#include "cluster/detail/cells.h"
#include "inspect/json_path.h"
#include "inspect/time.h"

namespace rage::cluster {
namespace {

using kubeobjects::Column;
using kubeobjects::Resource;

Json render_columns(const Resource& resource) {
  Json list = Json::array();
  for (const Column& column : resource.columns) {
    Json item = Json::object();
    item["name"] = column.name;
    item["type"] = column.type;
    item["format"] = column.format;
    item["description"] = "";
    item["priority"] = column.priority;
    list.push_back(std::move(item));
  }
  return list;
}

// What a column of a CRD says about an object.
Json custom_cell(const Column& column, const Json& object, WallTime now) {
  const auto path = inspect::JsonPath::parse_relaxed(column.json_path);
  if (!path) return Json();
  const auto found = path->find(object);
  if (found.empty() || found.front()->is_null()) return Json();
  const Json& value = *found.front();
  if (column.type == "date") {
    return value.is_string() ? Json(inspect::age_of(value.get<std::string>(), now))
                             : Json("<unknown>");
  }
  const bool plain = (column.type == "integer" || column.type == "number") && value.is_number();
  if (plain || (column.type == "boolean" && value.is_boolean())) return value;
  return inspect::render_value(value);
}

Json cell_for(const Resource& resource, const Column& column, const Json& object, WallTime now) {
  if (column.name == "Name" && column.format == "name") {
    return detail::text_at(object, "metadata.name");
  }
  if (!column.json_path.empty()) return custom_cell(column, object, now);
  const std::string created = detail::text_at(object, "metadata.creationTimestamp");
  if (column.name == "Created At") return created;
  if (column.name == "Age") return inspect::age_of(created, now);
  return detail::cell_of(resource.kind, column.name, object, now);
}

}  // namespace

Json metadata_only(const Json& object) {
  Json partial = Json::object();
  partial["kind"] = "PartialObjectMetadata";
  partial["apiVersion"] = "meta.k8s.io/v1";
  const Json* metadata = codec::find_key(object, "metadata");
  partial["metadata"] = metadata == nullptr ? Json::object() : *metadata;
  return partial;
}

Json render_table(const Resource& resource, const std::vector<Json>& objects, Json list_meta,
                  WallTime now) {
  Json table = Json::object();
  table["kind"] = "Table";
  table["apiVersion"] = "meta.k8s.io/v1";
  table["metadata"] = std::move(list_meta);
  table["columnDefinitions"] = render_columns(resource);
  Json rows = Json::array();
  for (const Json& object : objects) {
    Json cells = Json::array();
    for (const Column& column : resource.columns) {
      cells.push_back(cell_for(resource, column, object, now));
    }
    Json row = Json::object();
    row["cells"] = std::move(cells);
    row["object"] = metadata_only(object);
    rows.push_back(std::move(row));
  }
  table["rows"] = std::move(rows);
  return table;
}

}  // namespace rage::cluster
