// A whole JSON body, read once from front to back by simdjson's on-demand parser. That parser skips
// what nobody reads without a look at it; these functions look at everything, so that a body is
// either JSON or an error.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "payload/detail/json_text.h"

namespace rage::payload::detail {

namespace ondemand = simdjson::ondemand;

std::unexpected<Error> invalid_json(std::string_view why);
std::unexpected<Error> invalid_json(simdjson::error_code code);

// The text of a token: scalars have white space behind them.
std::string_view token_of(ondemand::value& value);

// Between the quotes; escapes are checked. `value` must be a string.
Result<std::string_view> raw_string_of(ondemand::value& value);

// Between the quotes of a member's name; escapes are checked.
Result<std::string_view> raw_name_of(const ondemand::field& field);

// Checks a value that stands in `depth` containers. `compact`, if given, gets it as it stands
// without the white space between its tokens.
Result<void> check_value(ondemand::value value, int depth, std::string* compact = nullptr);

inline Result<void> check_depth(int depth) {
  if (depth > kDepthMax) return invalid_json("it nests more than 64 levels");
  return {};
}

// Calls on_member(name, value) -> Result<void> for each member. Names are unescaped; a name lives
// until the callback returns. `depth`: containers open, this one included.
template <class OnMember>
Result<void> for_each_member(ondemand::object object, int depth, OnMember&& on_member) {
  RETURN_IF_ERROR(check_depth(depth));
  std::string unescaped;
  for (auto item : object) {
    ondemand::field field;
    if (const auto code = std::move(item).get(field)) return invalid_json(code);
    ASSIGN_OR_RETURN(std::string_view name, raw_name_of(field));
    if (name.contains('\\')) {
      unescaped.clear();
      append_unescaped(name, &unescaped);
      name = unescaped;
    }
    RETURN_IF_ERROR(on_member(name, field.value()));
  }
  return {};
}

// Calls on_element(value) -> Result<void> for each element.
template <class OnElement>
Result<void> for_each_element(ondemand::array array, int depth, OnElement&& on_element) {
  RETURN_IF_ERROR(check_depth(depth));
  for (auto item : array) {
    ondemand::value value;
    if (const auto code = std::move(item).get(value)) return invalid_json(code);
    RETURN_IF_ERROR(on_element(value));
  }
  return {};
}

using OnObject = std::function<Result<void>(ondemand::object object, const char* begin)>;

// Calls on_object once with the outermost object of `body`, which must be all there is, and with
// where the parsed bytes begin: the body itself, or a copy of it with the padding that simdjson
// needs. `readable_after`: bytes behind the body that may be read; with enough of them nothing is
// copied. Parsers and copies are kept once a thread, up to bodies of 16 MiB.
Result<void> read_body(std::string_view body, std::size_t readable_after,
                       const OnObject& on_object);

}  // namespace rage::payload::detail
