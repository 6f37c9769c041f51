// Environment variables of KAITO's RAG service that no flag stands for, or that have two names:
// those its server reads, and those its controller sets.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::app {

// The value of a variable; empty if it is not set.
using Environment = std::function<std::string(std::string_view name)>;
std::string process_environment(std::string_view name);

// `given`, unless it is only the default and MODEL_ID, which KAITO's controller sets, names
// another.
std::string choose_embedder(std::string given, bool is_default, const Environment& environment);

// kInvalidArgument, in the original's words where it has some, if the variables ask for a kind of
// embedder (EMBEDDING_SOURCE_TYPE, EMBEDDING_TYPE) that there is not.
// What was asked for is never silently replaced by something else.
Result<void> check_rag_environment(const Environment& environment);

}  // namespace rage::app
