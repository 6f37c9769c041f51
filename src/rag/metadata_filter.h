// Filters on metadata: what a row must have to be found. Pure; the language is that of MongoDB's
// queries.
//
//   {"day": 2, "track": null}                 equality on every key; null matches an absent key
//   {"price": {"$gte": 10, "$lt": 20}}        operators; all of them must hold
//   {"$or": [{"track": "Kernel"}, {"$not": {"day": {"$in": [1, 2]}}}]}
//
// On a key: $eq $ne $in $nin $gt $gte $lt $lte $exists $contains. Around filters: $and $or $not.
// Equality is Python's (1 == 1.0 == true), as in KAITO. Order compares numbers, dates and times as
// what they are (ordered_value.h); values of different kinds have none, so no order operator holds
// for them.
#pragma once

#include <cstddef>
#include <memory>

#include "base/error.h"
#include "codec/json.h"

namespace rage::rag {

inline constexpr std::size_t kFilterDepthMax = 12;        // Filters within filters.
inline constexpr std::size_t kFilterConditionsMax = 256;  // In all.
inline constexpr std::size_t kFilterListMax = 1000;       // Values of one $in or $nin.

// Value, immutable. Thread-safe.
class MetadataFilter final {
 public:
  MetadataFilter() = default;  // Matches every row.

  // kInvalidArgument with a sentence that says what is wrong with it. {} matches every row.
  static Result<MetadataFilter> parse(const codec::Json& filter);

  bool matches(const codec::Json& metadata) const;
  bool matches_all() const { return root_ == nullptr; }

  struct Node;  // Private to the .cc.

 private:
  explicit MetadataFilter(std::shared_ptr<const Node> root) : root_(std::move(root)) {}
  std::shared_ptr<const Node> root_;
};

}  // namespace rage::rag
