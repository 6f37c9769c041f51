// The description of our kinds, from which come the CustomResourceDefinitions and the checks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

// Value. One node of a structural OpenAPI v3 schema, kept as the JSON it is rendered to. Built with
// chained calls on a temporary:
//   Schema::object().required("name", Schema::text().with("maxLength", 63)).field("x", ...)
class Schema final {
 public:
  static Schema text() { return Schema("string"); }
  static Schema integer() { return Schema("integer"); }
  static Schema boolean() { return Schema("boolean"); }
  static Schema object() { return Schema("object"); }
  static Schema list(Schema items);
  static Schema map_of(Schema values);
  static Schema choice(const std::vector<std::string>& values);  // An enum of strings.
  static Schema any_object();                                    // Schemaless: nothing is pruned.
  static Schema int_or_text();

  Schema field(const char* name, Schema schema) &&;
  Schema required(const char* name, Schema schema) &&;
  Schema with(const char* keyword, Json value) &&;  // Any keyword: "minimum", "default", ...
  Schema about(std::string_view description) &&;
  // CEL. The message is what a user reads.
  Schema rule(std::string_view expression, std::string_view message) &&;
  // CEL that also runs on create, where `oldSelf` is an optional without value.
  Schema rule_with_optional_old(std::string_view expression, std::string_view message) &&;

  const Json& json() const { return json_; }

 private:
  explicit Schema(std::string_view type);
  Json json_;
};

struct Column {
  std::string name;
  std::string type;  // string, integer, date
  std::string path;
  int priority = 0;  // 1: only with -o wide.
};

struct VersionDescription {
  std::string name;
  Schema schema;  // Of the whole document.
  std::vector<Column> columns;
  std::string deprecation;  // A warning shown to users of the version; empty: not deprecated.
};

struct KindDescription {
  ResourceType type;  // In the storage version.
  std::string singular;
  std::vector<std::string> short_names;
  std::vector<std::string> categories;
  bool scale = false;
  std::vector<VersionDescription> versions;  // The last one is stored.
};

// In the order of render_crds(). Made once.
const std::vector<KindDescription>& kind_descriptions();
// Null if that kind or version is not ours.
const Schema* find_schema(std::string_view kind, std::string_view version);

}  // namespace rage::apis
