// One object as the API server sent it. Caches hold tens of thousands, so only what they are looked
// up by is parsed; the rest stays compact JSON text until somebody reconciles it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "apis/meta.h"
#include "codec/json.h"

namespace rage::kube {

using apis::ObjectKey;
using apis::ObjectMeta;
using apis::ResourceType;
using codec::Json;

// Value, immutable. Thread-safe.
class Object final {
 public:
  // metadata.managedFields and the annotation kubectl.kubernetes.io/last-applied-configuration are
  // dropped from the text: nobody here reads them, and they double its size.
  explicit Object(Json document);

  // Annotations are not kept in it: read them from document().
  const ObjectMeta& meta() const { return meta_; }
  const std::string& text() const { return text_; }
  Json document() const;  // Parsed anew each time; a caller keeps it.

 private:
  ObjectMeta meta_;
  std::string text_;
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace rage::kube
