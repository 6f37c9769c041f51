// Filters as Qdrant has them (https://qdrant.tech/documentation/concepts/filtering/), on the
// payload key `metadata`.
#pragma once

#include "vectordb/filter.h"

namespace rage::vectordb {

// An object with must, should or must_not. kUnimplemented: what Qdrant cannot compute, such as the
// order of texts that are no dates.
Result<codec::Json> qdrant_filter(const Filter& filter);

}  // namespace rage::vectordb
