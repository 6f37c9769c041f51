// Which database keeps the indexes of `rage rag`: the flags, KAITO's variables, and what they open.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_client.h"
#include "vectordb/qdrant_store.h"
#include "vectordb/vector_store.h"

namespace rage::app {

// Whether indexes lie below the data directory, as VECTOR_DB_TYPE has it.
bool is_built_in_store(std::string_view type);

struct VectorStoreOption {
  std::string type = "faiss";  // faiss: the built-in store; qdrant; postgres. In any case.
  std::string url;
  std::string secret;
  std::string name_space = "rage";  // Several services may share a database.

  void add_to(CLI::App& command);
  // Null: the built-in one. kInvalidArgument, in KAITO's words where it has some, if there is no
  // such database or a part is missing: what was asked for is never silently replaced by something
  // else. The transport and the stamps outlive the store.
  Result<std::unique_ptr<vectordb::VectorStore>> open(net::HttpTransport& transport,
                                                      vectordb::WriteStamps& stamps) const;
};

}  // namespace rage::app
