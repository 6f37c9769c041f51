// Filters on metadata as a tree, to be written in a database's own language. The language read is
// that of MongoDB's queries:
//
//   {"day": 2, "track": null}                 equality on every key; null matches an absent key
//   {"price": {"$gte": 10, "$lt": 20}}        operators; all of them must hold
//   {"$or": [{"track": "Kernel"}, {"$not": {"day": {"$in": [1, 2]}}}]}
//
// Databases differ from rag's own filters in two ways: true is not 1, and text is ordered byte by
// byte (PostgreSQL) or as a date or not at all (Qdrant).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::vectordb {

// Value.
struct Filter {
  enum class Kind {
    kAll,      // Every part holds; no parts: everything matches.
    kAny,      // At least one part holds; no parts: nothing matches.
    kNot,      // Its one part does not hold.
    kEquals,   // values[0]; null: absent or null.
    kGreater,  // A number or a text, against one of the same kind.
    kAtLeast,
    kLess,
    kAtMost,
    kExists,    // The key is there, perhaps null.
    kContains,  // A text has values[0] as a part, or a list as an item.
  };
  Kind kind = Kind::kAll;
  std::vector<Filter> parts = {};
  std::string key = {};
  codec::Json value = {};
};

inline constexpr std::size_t kFilterDepthMax = 12;
inline constexpr std::size_t kFilterConditionsMax = 256;

// kInvalidArgument with a sentence that says what is wrong. A null pointer: everything matches.
Result<Filter> parse_filter(const codec::Json* filter);

}  // namespace rage::vectordb
