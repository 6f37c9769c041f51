#include "apis/multi_role_inference.h"

#include "apis/detail/field_reader.h"

namespace rage::apis {

Result<MultiRoleInference> parse_multi_role_inference(const Json& document) {
  const detail::FieldReader fields(document);
  const detail::FieldReader spec = fields.child("spec");
  const detail::FieldReader model = spec.child("model");
  MultiRoleInference inference;
  inference.meta = parse_meta(document);
  inference.label_selector = spec.selector("labelSelector");
  inference.model = model.text("name");
  inference.model_access_secret = model.text("modelAccessSecret");
  inference.epp_plugins_config = spec.text("eppPluginsConfig");
  for (const detail::FieldReader& role : spec.children("roles")) {
    inference.roles.push_back({.type = role.text("type"),
                               .replicas = role.optional_integer("replicas"),
                               .instance_type = role.text("instanceType"),
                               .runtime_config = role.text("runtimeConfig")});
  }
  inference.status = fields.object("status");
  RETURN_IF_ERROR(fields.check());
  return inference;
}

}  // namespace rage::apis
