// What simdjson's tree parser makes of a text: the second opinion of tests and fuzzers.
#pragma once

#include <simdjson.h>

#include <string>
#include <string_view>

namespace rage::payload {

struct OracleVerdict {
  bool valid = false;
  // simdjson refuses it for what JSON allows: a number beyond its types, a lone surrogate.
  bool unsure = false;
  bool object = false;
  // Of the last top-level member with the name asked for: a string unescaped, else minified JSON.
  bool found = false;
  std::string value;
};

inline std::string oracle_value(const simdjson::dom::element& element) {
  std::string_view text;
  if (element.get(text) == simdjson::SUCCESS) return std::string(text);
  return simdjson::minify(element);
}

inline OracleVerdict ask_oracle(std::string_view text, std::string_view field) {
  OracleVerdict verdict;
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);
  simdjson::dom::element root;
  // It counts one more level than it allows.
  auto code = parser.allocate(std::max<std::size_t>(text.size(), 64), 65);
  if (code == simdjson::SUCCESS) code = parser.parse(padded).get(root);
  verdict.unsure =
      code == simdjson::NUMBER_ERROR || (code == simdjson::STRING_ERROR && text.contains("\\u"));
  if (code != simdjson::SUCCESS) return verdict;
  verdict.valid = true;
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) return verdict;
  verdict.object = true;
  for (const auto member : object) {
    if (member.key != field) continue;
    verdict.found = true;
    verdict.value = oracle_value(member.value);
  }
  return verdict;
}

// A value as FieldScanner gives it, brought to the oracle's form.
inline std::string minified(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (parser.parse(json).get(element) != simdjson::SUCCESS) return json;
  return oracle_value(element);
}

}  // namespace rage::payload
