// Objects that merge key by key, in time that grows with their size and not with its square.
#pragma once

#include <optional>
#include <utility>

#include "codec/key_finder.h"

namespace rage::kubeobjects::detail {

// `base` with `change` over it: keys keep their order, new ones follow. `decide(key, before,
// value)` says what a key of `change` becomes, an optional<Json>; none: it is not there. `before`
// is null for what `base` lacks. Both must be objects.
template <class Decide>
codec::Json merge_objects(const codec::Json& base, const codec::Json& change,
                          const Decide& decide) {
  codec::Json result = codec::Json::object();
  const auto put = [&](const std::string& key, std::optional<codec::Json> value) {
    if (value) codec::append_key(result, key, *std::move(value));
  };
  const codec::KeyFinder changes(change);
  for (const auto& [key, before] : base.items()) {
    const codec::Json* value = changes.find(key);
    put(key, value == nullptr ? std::optional(before) : decide(key, &before, *value));
  }
  const codec::KeyFinder known(base);
  for (const auto& [key, value] : change.items()) {
    if (known.find(key) == nullptr) put(key, decide(key, nullptr, value));
  }
  return result;
}

}  // namespace rage::kubeobjects::detail
