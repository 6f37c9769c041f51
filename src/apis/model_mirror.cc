#include "apis/model_mirror.h"

#include "apis/detail/field_reader.h"

namespace rage::apis {

Result<ModelMirror> parse_model_mirror(const Json& document) {
  const detail::FieldReader fields(document);
  const detail::FieldReader spec = fields.child("spec");
  const detail::FieldReader source = spec.child("source");
  const detail::FieldReader storage = spec.child("storage");
  ModelMirror mirror;
  mirror.meta = parse_meta(document);
  if (spec.text("mode") == "Static") mirror.mode = MirrorMode::kStatic;
  mirror.model_id = source.text("modelID");
  mirror.access_secret = source.child("accessSecret").text("name");
  mirror.storage_class = storage.text("storageClassName");
  mirror.job_namespace = spec.text("jobNamespace");
  mirror.service_account = spec.text("serviceAccountName");
  // Quantities may be numbers.
  const Json* size = storage.find("size");
  if (size != nullptr && size->is_number()) mirror.size = size->dump();
  if (size != nullptr && !size->is_number()) mirror.size = storage.text("size");
  mirror.status = fields.object("status");
  RETURN_IF_ERROR(fields.check());
  return mirror;
}

}  // namespace rage::apis
