// Where indexes are kept: below a data directory (directory_home.h), or in a database of somebody
// else's (store_home.h).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "rag/collection.h"

namespace rage::rag {

// How far a re-embedding is.
struct ReindexProgress {
  std::size_t done = 0;  // Documents.
  std::size_t total = 0;
};

struct ReindexOutcome {
  std::string from;  // Embedder.
  std::string to;
  std::size_t documents = 0;
  bool done = false;  // False: it had the right embedder, and was to be left alone then.
};

struct ReindexOrder {
  bool if_needed = false;  // An index that has the right embedder is left alone.
  // Embeds documents under these ids.
  std::function<Result<std::vector<PreparedDocument>>(
      const Context& context, std::vector<Document> documents, std::span<const std::string> ids)>
      prepare;
  // Told now and then; ends it by returning false (kCancelled).
  std::function<bool(const ReindexProgress&)> progress;
};

// Interface. Thread-safe. kUnavailable: the database does not answer, try again.
class IndexHome {
 public:
  virtual ~IndexHome() = default;

  virtual Result<std::vector<std::string>> names() = 0;  // In order of creation.
  // Up to date with all that was acknowledged, by whomever. kNotFound as no_such_index() has it.
  virtual Result<std::shared_ptr<Collection>> find(std::string_view name) = 0;
  virtual Result<std::shared_ptr<Collection>> find_or_create(std::string_view name) = 0;
  // Removes the index and all that is kept of it. kNotFound likewise.
  virtual Result<void> remove(std::string_view name) = 0;
  // Makes an index that holds what `fill` puts into it; none if that fails. kAlreadyExists.
  using Fill = std::function<Result<void>(Collection& collection)>;
  virtual Result<void> create_filled(std::string_view name, const Fill& fill) = 0;
  // Gives the index the first of the service's embedders; Collections::reindex() says how.
  // kUnimplemented, with what to do instead, where that cannot be done.
  virtual Result<ReindexOutcome> reindex(const Context& context, std::string_view name,
                                         const ReindexOrder& order) = 0;
  // Waits until a retired collection's successor is there.
  virtual Result<void> await_successor(const Context& context, const Collection& retired) = 0;
};

// In KAITO's words.
std::unexpected<Error> no_such_index(std::string_view name);
std::unexpected<Error> already_exists(std::string_view name);

}  // namespace rage::rag
