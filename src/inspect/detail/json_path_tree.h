// A JSONPath template as a tree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inspect/json_path.h"

namespace rage::inspect {

struct JsonPath::Step {
  enum class Kind { kField, kSlice, kAll, kDescend, kFilter };
  Kind kind = Kind::kField;
  std::string name = {};                             // kField.
  std::optional<std::int64_t> begin = std::nullopt;  // kSlice; one element is a slice of one.
  std::optional<std::int64_t> end = std::nullopt;
  std::int64_t stride = 1;
  std::vector<Step> path = {};  // kFilter: of the item.
  std::string op = {};          // "", "==", "!=", "<", "<=", ">", ">=".
  Json literal = nullptr;
};

struct JsonPath::Node {
  bool is_expression = false;
  bool is_range = false;
  std::string text = {};
  std::vector<Step> path = {};
  std::vector<std::shared_ptr<const Node>> body = {};  // Of a range.
};

namespace detail {

// At most 64 KiB, 64 steps an expression, ranges 8 deep.
Result<std::vector<std::shared_ptr<const JsonPath::Node>>> parse_template(std::string_view text);

}  // namespace detail
}  // namespace rage::inspect
