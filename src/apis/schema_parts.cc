#include "apis/detail/kind_schemas.h"

namespace rage::apis::detail {
namespace {

Schema condition_schema() {
  return Schema::object()
      .about("One aspect of the current state.")
      .required("lastTransitionTime", Schema::text().with("format", "date-time"))
      .required("message", Schema::text().with("maxLength", 32768))
      .field("observedGeneration", Schema::integer().with("format", "int64").with("minimum", 0))
      .required("reason", Schema::text()
                              .with("maxLength", 1024)
                              .with("minLength", 1)
                              .with("pattern", "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"))
      .required("status", Schema::choice({"True", "False", "Unknown"}))
      .required("type",
                Schema::text()
                    .with("maxLength", 316)
                    .with("pattern",
                          "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)"
                          "*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"));
}

Schema requirement_schema() {
  return Schema::object()
      .required("key", Schema::text())
      .required("operator", Schema::text().about("In, NotIn, Exists or DoesNotExist."))
      .field("values", texts_schema().with("x-kubernetes-list-type", "atomic"));
}

}  // namespace

Schema document_schema(std::string_view about) {
  return Schema::object()
      .about(about)
      .field("apiVersion", Schema::text())
      .field("kind", Schema::text())
      .field("metadata", Schema::object());
}

Schema label_selector_schema() {
  return Schema::object()
      .field("matchExpressions",
             Schema::list(requirement_schema()).with("x-kubernetes-list-type", "atomic"))
      .field("matchLabels", text_map_schema())
      .with("x-kubernetes-map-type", "atomic");
}

Schema conditions_schema() {
  return Schema::list(condition_schema())
      .with("x-kubernetes-list-map-keys", Json::array({"type"}))
      .with("x-kubernetes-list-type", "map");
}

Schema text_map_schema() {
  return Schema::map_of(Schema::text());
}

Schema texts_schema() {
  return Schema::list(Schema::text());
}

Schema name_schema() {
  return Schema::text().with("maxLength", 253);
}

Schema quantity_schema() {
  return Schema::text()
      .with("maxLength", 64)
      .with("pattern",
            "^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$");
}

Schema performance_schema(Version version) {
  Schema metric = Schema::object()
                      .field("description", Schema::text())
                      .required("value", Schema::text())
                      .field("unit", Schema::text());
  if (version == Version::kV1beta1) {
    metric =
        std::move(metric).field("config", text_map_schema().about("How the value was measured."));
  }
  return Schema::object()
      .about("Figures measured on the running model.")
      .field("metrics", Schema::map_of(std::move(metric)));
}

Column condition_column(const char* name, const char* type, int priority) {
  return {.name = name,
          .type = "string",
          .path = fmt::format(".status.conditions[?(@.type==\"{}\")].status", type),
          .priority = priority};
}

Column age_column() {
  return {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"};
}

Column message_column(const char* condition) {
  return {.name = "Message",
          .type = "string",
          .path = fmt::format(".status.conditions[?(@.type==\"{}\")].message", condition),
          .priority = 1};
}

std::string fixed_field_rule(const char* field) {
  return fmt::format(
      "has(self.{0}) == has(oldSelf.{0}) && (!has(self.{0}) || self.{0} == oldSelf.{0})", field);
}

}  // namespace rage::apis::detail
