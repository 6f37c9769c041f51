// Comparing what we want with what the API server has.
#pragma once

#include "codec/documents.h"

namespace rage::op {

using codec::Json;

using codec::same_json;

// The JSON merge patch (RFC 7396) that turns `from` into `to`; a member that is gone becomes null.
// An empty object: nothing to do. `to` must hold no null: a merge patch cannot write one.
Json merge_patch_of(const Json& from, const Json& to);

}  // namespace rage::op
