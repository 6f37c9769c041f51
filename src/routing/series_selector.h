// Which series of a metrics page is meant: a name and, where given, labels it must have.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace rage::routing {

// Value.
struct SeriesSelector {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels = {};  // All of them, equal.
  bool operator==(const SeriesSelector&) const = default;
};

// `name`, `name{a=b}` or `name{a="b",c="d"}`; spaces are allowed between parts. kInvalidArgument.
Result<SeriesSelector> parse_series_selector(std::string_view text);

}  // namespace rage::routing
