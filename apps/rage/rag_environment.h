// Environment variables of KAITO's RAG service that no flag stands for, or that have two names:
// those its server reads, and those its controller sets.
#pragma once

#include <functional>
#include <optional>
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

// Where texts are embedded if not in this process.
struct RemoteEmbedding {
  std::string url;
  std::string token;  // Empty: none is sent.
};

// `url` of the flag, else REMOTE_EMBEDDING_URL (KAITO's default if unset) where
// EMBEDDING_SOURCE_TYPE, or if that is unset EMBEDDING_TYPE, is "remote" in any case. `token` of
// the flag, else REMOTE_EMBEDDING_ACCESS_SECRET. None: in this process. kInvalidArgument for
// another type, in the original's words.
Result<std::optional<RemoteEmbedding>> choose_remote_embedding(const std::string& url,
                                                               const std::string& token,
                                                               const Environment& environment);

}  // namespace rage::app
