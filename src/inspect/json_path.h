// kubectl's JSONPath: templates of text and {expressions} over one document.
// Source: Kubernetes reference, "JSONPath Support".
//   {.metadata.name}  {.items[*].status.phase}  {.spec.list[0]}  {.list[-1]}  {.list[1:3]}
//   {['a.b/c']}  {.metadata.labels.a\.b}  {..name}  {.list[?(@.type=="Ready")].status}
//   {range .items[*]}{.metadata.name}{"\n"}{end}
// Not supported: unions and nested functions; they are errors, not guesses.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::inspect {

using codec::Json;

// Value. Thread-safe.
class JsonPath final {
 public:
  // kInvalidArgument says at which character and what was expected.
  static Result<JsonPath> parse(std::string_view text);
  // Also what people type without braces: "status.phase", ".status.phase".
  static Result<JsonPath> parse_relaxed(std::string_view text);

  // The template filled in. Missing fields are empty. kResourceExhausted past 64 MiB.
  Result<std::string> render(const Json& document) const;
  // What the first expression finds.
  std::vector<const Json*> find(const Json& document) const;

  struct Step;
  struct Node;

 private:
  std::vector<std::shared_ptr<const Node>> nodes_;
};

// As it is printed: strings bare, everything else as JSON.
std::string render_value(const Json& value);

}  // namespace rage::inspect
