// Numbers out of a config.json that anybody may have written: never throws, never out of bounds.
#pragma once

#include <initializer_list>
#include <string_view>

#include "catalog/catalog.h"

namespace rage::catalog::detail {

// Bounds that no real model reaches; larger numbers count as absent.
inline constexpr int kLayersMax = 1 << 12;
inline constexpr int kDimensionMax = 1 << 16;
inline constexpr int kTokensMax = 1 << 30;

// The value of `key`, looked for in text_config and llm_config (where models of several kinds of
// input keep what concerns the language model), then at the top. Null if absent or null.
const Json* find_setting(const Json& config, std::string_view key);

// The first of `keys` that is a whole number from 1 to `most`.
int integer_or(const Json& config, std::initializer_list<std::string_view> keys, int most,
               int fallback);

}  // namespace rage::catalog::detail
