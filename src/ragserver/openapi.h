// The service's own description, OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.0): what clients
// are generated from.
#pragma once

#include <cstdint>

#include "codec/json.h"

namespace rage::ragserver {

// Paths, operation ids and schema names are those that KAITO's client was generated from; ours come
// after them.
codec::Json openapi_document(std::int64_t top_k_max);

}  // namespace rage::ragserver
