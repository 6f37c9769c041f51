#include "apis/schema.h"

#include <utility>

#include "apis/detail/kind_schemas.h"

namespace rage::apis {

Schema::Schema(std::string_view type) : json_(Json::object()) {
  if (!type.empty()) json_["type"] = type;
}

Schema Schema::list(Schema items) {
  Schema schema("array");
  schema.json_["items"] = std::move(items.json_);
  return schema;
}

Schema Schema::map_of(Schema values) {
  Schema schema("object");
  schema.json_["additionalProperties"] = std::move(values.json_);
  return schema;
}

Schema Schema::choice(const std::vector<std::string>& values) {
  Schema schema("string");
  schema.json_["enum"] = values;
  return schema;
}

Schema Schema::any_object() {
  return object().with("x-kubernetes-preserve-unknown-fields", true);
}

Schema Schema::int_or_text() {
  return Schema("").with("x-kubernetes-int-or-string", true);
}

Schema Schema::field(const char* name, Schema schema) && {
  json_["properties"][name] = std::move(schema.json_);
  return std::move(*this);
}

Schema Schema::required(const char* name, Schema schema) && {
  json_["required"].push_back(name);
  return std::move(*this).field(name, std::move(schema));
}

Schema Schema::with(const char* keyword, Json value) && {
  json_[keyword] = std::move(value);
  return std::move(*this);
}

Schema Schema::about(std::string_view description) && {
  json_["description"] = description;
  return std::move(*this);
}

Schema Schema::rule(std::string_view expression, std::string_view message) && {
  Json rule = Json::object();
  rule["rule"] = expression;
  rule["message"] = message;
  json_["x-kubernetes-validations"].push_back(std::move(rule));
  return std::move(*this);
}

Schema Schema::rule_with_optional_old(std::string_view expression, std::string_view message) && {
  Schema schema = std::move(*this).rule(expression, message);
  schema.json_["x-kubernetes-validations"].back()["optionalOldSelf"] = true;
  return schema;
}

const std::vector<KindDescription>& kind_descriptions() {
  static const std::vector<KindDescription> kinds = {detail::describe_workspace(),
                                                     detail::describe_inference_set(),
                                                     detail::describe_rag_engine(),
                                                     detail::describe_model_mirror(),
                                                     detail::describe_multi_role_inference(),
                                                     detail::describe_auto_indexer()};
  return kinds;
}

const Schema* find_schema(std::string_view kind, std::string_view version) {
  for (const KindDescription& description : kind_descriptions()) {
    if (description.type.kind != kind) continue;
    for (const VersionDescription& candidate : description.versions) {
      if (candidate.name == version) return &candidate.schema;
    }
  }
  return nullptr;
}

}  // namespace rage::apis
