#include "kubeobjects/selectors.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

using Operator = LabelRequirement::Operator;

std::unexpected<Error> fail_requirement(std::string_view found, std::string_view expected) {
  return fail(bad_request(
      fmt::format("unable to parse requirement: found '{}', expected: {}", found, expected)));
}

bool is_symbol(char c) {
  return c == '=' || c == '!' || c == '(' || c == ')' || c == ',' || c == '>' || c == '<';
}

// "a", "in", "(", "b", ",", "c", ")", "!=", ...
std::vector<std::string_view> tokens_of(std::string_view text) {
  std::vector<std::string_view> tokens;
  std::size_t at = 0;
  while (at < text.size()) {
    if (is_ascii_space(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    if (is_symbol(text[at])) {
      const bool pair = end < text.size() && text[end] == '=';
      if (pair && (text[at] == '=' || text[at] == '!')) ++end;
    } else {
      while (end < text.size() && !is_symbol(text[end]) && !is_ascii_space(text[end])) ++end;
    }
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

class Parser final {
 public:
  explicit Parser(std::string_view text) : tokens_(tokens_of(text)) {}

  Result<std::vector<LabelRequirement>> parse() {
    std::vector<LabelRequirement> found;
    if (tokens_.empty()) return found;
    while (true) {
      ASSIGN_OR_RETURN(auto requirement, requirement_here());
      found.push_back(std::move(requirement));
      if (done()) return found;
      if (peek() != ",") return fail_requirement(peek(), "',' or 'end of string'");
      ++at_;
    }
  }

 private:
  bool done() const { return at_ == tokens_.size(); }
  std::string_view peek() const { return done() ? std::string_view() : tokens_[at_]; }
  std::string_view take() { return done() ? std::string_view() : tokens_[at_++]; }
  bool at_word() const { return !done() && !is_symbol(peek().front()); }

  Result<LabelRequirement> requirement_here() {
    const bool absent = peek() == "!";
    if (absent) ++at_;
    if (!at_word()) return fail_requirement(peek(), "identifier");
    LabelRequirement found{.key = std::string(take()), .values = {}};
    if (absent) {
      found.op = Operator::kAbsent;
      return found;
    }
    if (done() || peek() == ",") return found;
    const std::string_view op = take();
    if (op == "in" || op == "notin") {
      found.op = op == "in" ? Operator::kIn : Operator::kNotIn;
      RETURN_IF_ERROR(parse_values(found.values));
      return found;
    }
    if (op == "=" || op == "==") {
      found.op = Operator::kIn;
    } else if (op == "!=") {
      found.op = Operator::kNotIn;
    } else if (op == ">" || op == "<") {
      found.op = op == ">" ? Operator::kGreater : Operator::kLess;
    } else {
      return fail_requirement(op, "in, notin, =, ==, !=, gt, lt");
    }
    if (!done() && peek() != "," && !at_word()) return fail_requirement(peek(), "identifier");
    found.values.emplace_back(at_word() ? take() : std::string_view());
    return found;
  }

  Result<void> parse_values(std::vector<std::string>& values) {
    if (take() != "(") return fail_requirement(tokens_[at_ - 1], "'('");
    while (true) {
      if (at_word()) {
        values.emplace_back(take());
      } else {
        values.emplace_back();
      }
      const std::string_view next = take();
      if (next == ")") return {};
      if (next != ",") return fail_requirement(next, "',', or ')'");
    }
  }

  const std::vector<std::string_view> tokens_;
  std::size_t at_ = 0;
};

bool holds(const LabelRequirement& requirement, const Json* value) {
  const std::string* text =
      value != nullptr && value->is_string() ? &value->get_ref<const std::string&>() : nullptr;
  const auto among = [&] { return std::ranges::count(requirement.values, *text) > 0; };
  switch (requirement.op) {
    case Operator::kIn:
      return text != nullptr && among();
    case Operator::kNotIn:
      return text == nullptr || !among();
    case Operator::kExists:
      return text != nullptr;
    case Operator::kAbsent:
      return text == nullptr;
    case Operator::kGreater:
    case Operator::kLess:
      break;
  }
  const auto have = text == nullptr ? std::nullopt : parse_uint(*text);
  const auto bound = parse_uint(requirement.values.empty() ? "" : requirement.values.front());
  if (!have || !bound) return false;
  return requirement.op == Operator::kGreater ? *have > *bound : *have < *bound;
}

std::string field_text(const Json& object, std::string_view path) {
  const Json* value = &object;
  for (const std::string_view key : split(path, '.')) {
    value = value == nullptr ? nullptr : codec::find_key(*value, key);
  }
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? value->get<std::string>() : codec::render_json(*value);
}

}  // namespace

bool Selector::matches(const Json& object) const {
  const Json* metadata = codec::find_key(object, "metadata");
  const Json* own = metadata == nullptr ? nullptr : codec::find_key(*metadata, "labels");
  const bool labelled = std::ranges::all_of(labels, [&](const LabelRequirement& requirement) {
    return holds(requirement, own == nullptr ? nullptr : codec::find_key(*own, requirement.key));
  });
  return labelled && std::ranges::all_of(fields, [&](const FieldRequirement& requirement) {
           return (field_text(object, requirement.path) == requirement.value) == requirement.equal;
         });
}

Result<std::vector<LabelRequirement>> parse_label_selector(std::string_view text) {
  return Parser(text).parse();
}

Result<std::vector<FieldRequirement>> parse_field_selector(std::string_view text,
                                                           std::span<const std::string> known) {
  std::vector<FieldRequirement> found;
  for (const std::string_view part : split(text, ',')) {
    if (trim(part).empty()) continue;
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
      return fail(
          bad_request(fmt::format("invalid selector: '{}'; can't understand '{}'", text, part)));
    }
    FieldRequirement requirement;
    std::string_view path = part.substr(0, equals);
    std::string_view value = part.substr(equals + 1);
    if (path.ends_with('!')) {
      requirement.equal = false;
      path.remove_suffix(1);
    } else if (value.starts_with('=')) {
      value.remove_prefix(1);
    }
    requirement.path = trim(path);
    requirement.value = trim(value);
    if (std::ranges::count(known, requirement.path) == 0) {
      const bool plain = known.size() == 2;
      return fail(bad_request(
          plain ? fmt::format("\"{}\" is not a known field selector: only \"metadata.name\", "
                              "\"metadata.namespace\"",
                              requirement.path)
                : fmt::format("field label not supported: {}", requirement.path)));
    }
    found.push_back(std::move(requirement));
  }
  return found;
}

std::string selector_text(const Json& label_selector) {
  std::vector<std::string> parts;
  if (const Json* labels = codec::find_key(label_selector, "matchLabels")) {
    for (const auto& [key, value] : labels->items()) {
      parts.push_back(fmt::format("{}={}", key, value.is_string() ? value.get<std::string>() : ""));
    }
  }
  const Json* expressions = codec::find_key(label_selector, "matchExpressions");
  for (const Json& each : expressions != nullptr ? *expressions : Json::array()) {
    const std::string key = codec::string_or(each, "key", "");
    const std::string op = codec::string_or(each, "operator", "");
    std::vector<std::string> values;
    if (const Json* list = codec::find_key(each, "values")) {
      for (const Json& value : *list)
        values.push_back(value.is_string() ? value.get<std::string>() : "");
    }
    if (op == "Exists") parts.push_back(key);
    if (op == "DoesNotExist") parts.push_back("!" + key);
    if (op == "In") parts.push_back(fmt::format("{} in ({})", key, join(values, ",")));
    if (op == "NotIn") parts.push_back(fmt::format("{} notin ({})", key, join(values, ",")));
  }
  std::ranges::sort(parts);
  return join(parts, ",");
}

}  // namespace rage::kubeobjects
