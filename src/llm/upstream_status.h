// The status that a model server refused with, for whoever passes its refusal on.
#pragma once

#include <optional>

#include "base/error.h"

namespace rage::llm {

// Of an error that an LlmClient returned: 400 to 599; none if the server did not answer with a
// status.
std::optional<int> upstream_status(const Error& error);

}  // namespace rage::llm
