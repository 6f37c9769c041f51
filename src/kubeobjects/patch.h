// The three kinds of patch that Kubernetes takes beside server-side apply. Sources: RFC 6902 (JSON
// Patch), RFC 7396 (JSON Merge Patch), Kubernetes' "Strategic Merge Patch" (sig-api-machinery).
#pragma once

#include "base/error.h"
#include "kubeobjects/schema_view.h"

namespace rage::kubeobjects {

// Pure, and bounded by the size of both. Results are not checked against any schema.

// All operations or none. 422 where an operation does not apply or a test fails; 400 if `patch` is
// no JSON patch; kResourceExhausted past 10,000 operations.
Result<Json> json_patch(const Json& document, const Json& patch);

Json merge_patch(const Json& document, const Json& patch);

// Lists merge by the keys that `schema` says; $patch, $retainKeys, $setElementOrder and
// $deleteFromPrimitiveList are understood. A list item without its merge key is a 500, as on the
// real server, and so is an order that lacks what the patch has.
Result<Json> strategic_merge_patch(const SchemaView& schema, const Json& document,
                                   const Json& patch);

}  // namespace rage::kubeobjects
