// Documents that tests write down.
#pragma once

#include <gtest/gtest.h>

#include <string_view>

#include "codec/json.h"
#include "codec/yaml.h"

namespace rage::codec {

// Null, and a failed test, if it is none.
inline Json json_of(std::string_view text) {
  const Result<Json> value = parse_json(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *value : Json();
}

inline Json yaml_of(std::string_view text) {
  const Result<Json> value = parse_yaml(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *value : Json();
}

}  // namespace rage::codec
