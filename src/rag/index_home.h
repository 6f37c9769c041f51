// Where indexes are kept: below a data directory (directory_home.h), or in a database of somebody
// else's (store_home.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "rag/collection.h"

namespace rage::rag {

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
};

// In KAITO's words.
std::unexpected<Error> no_such_index(std::string_view name);
std::unexpected<Error> already_exists(std::string_view name);

}  // namespace rage::rag
