// The schemas of openapi.h, by name. Private to the room.
#pragma once

#include "codec/json.h"

namespace rage::ragserver {

codec::Json openapi_schemas();

}  // namespace rage::ragserver
