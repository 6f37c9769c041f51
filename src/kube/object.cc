#include "kube/object.h"

#include <utility>

namespace rage::kube {
namespace {

constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";

void drop_what_nobody_reads(Json& document) {
  if (!document.is_object()) return;
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object()) return;
  metadata->erase("managedFields");
  const auto annotations = metadata->find("annotations");
  if (annotations == metadata->end() || !annotations->is_object()) return;
  annotations->erase(kLastApplied);
  if (annotations->empty()) metadata->erase("annotations");
}

}  // namespace

Object::Object(Json document) {
  drop_what_nobody_reads(document);
  meta_ = apis::parse_meta(document);
  meta_.annotations.clear();
  text_ = codec::render_json(document);
  text_.shrink_to_fit();
}

Json Object::document() const {
  // Our own rendering of a parsed tree; as deep as what was let in.
  auto document = codec::parse_json(text_, {.bytes_max = text_.size(), .depth_max = 1024});
  return document ? *std::move(document) : Json();
}

}  // namespace rage::kube
