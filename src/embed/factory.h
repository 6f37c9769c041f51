// Makes the embedder that the configuration names.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/error.h"
#include "embed/embedder.h"
#include "embed/precision.h"

namespace rage::embed {

struct EmbedderOptions {
  std::string model = {};  // "hashing", or a sentence-transformers folder.
  std::string id = {};     // What an index remembers; empty: the folder's name. Not for "hashing".
  Precision precision = Precision::kAuto;
  std::size_t threads = 0;               // Threads of one forward pass; 0: one a core.
  std::size_t texts_waiting_max = 1024;  // Of each kind; past that calls are refused.

  Result<void> validate() const;
};

// kInvalidArgument, kNotFound, kDataLoss or kUnimplemented (an architecture we cannot compute; or a
// model at all, in a build without the inference runtime), each naming the folder.
Result<std::unique_ptr<Embedder>> make_embedder(const EmbedderOptions& options);

}  // namespace rage::embed
