#include "rag/metadata_filter.h"

#include <algorithm>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/hashes.h"
#include "rag/ordered_value.h"

namespace rage::rag {

using codec::Json;

enum class Test {
  kEqual,
  kOneOf,
  kGreater,
  kGreaterOrEqual,
  kLess,
  kLessOrEqual,
  kExists,
  kContains,
  kAll,  // Of the children.
  kAny,
  kNot,  // The one child does not hold.
};

struct MetadataFilter::Node {
  Test test = Test::kAll;
  std::string key = {};
  Json operand = nullptr;
  std::optional<OrderedValue> bound = {};  // Of `operand`, for the four that order.
  std::vector<Node> children = {};
};

namespace {

using Node = MetadataFilter::Node;

constexpr std::string_view kOperators =
    "$eq $ne $in $nin $gt $gte $lt $lte $exists $contains on a key, $and $or $not around filters";

struct Operator {
  std::string_view name;
  Test test;
  bool negated = false;
};

constexpr Operator kKeyOperators[] = {
    {"$eq", Test::kEqual},          {"$ne", Test::kEqual, true},  {"$in", Test::kOneOf},
    {"$nin", Test::kOneOf, true},   {"$gt", Test::kGreater},      {"$gte", Test::kGreaterOrEqual},
    {"$lt", Test::kLess},           {"$lte", Test::kLessOrEqual}, {"$exists", Test::kExists},
    {"$contains", Test::kContains},
};

std::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalidArgument, "Invalid metadata filter: {}", message);
}

bool is_order(Test test) {
  return test == Test::kGreater || test == Test::kGreaterOrEqual || test == Test::kLess ||
         test == Test::kLessOrEqual;
}

// One parse; counts what it has made, so that a filter's size is bounded.
class Parser {
 public:
  Result<Node> filter(const Json& json, std::size_t depth) {
    if (!json.is_object()) return invalid("a filter is an object of keys and values.");
    if (depth > kFilterDepthMax) {
      return invalid(fmt::format("filters may be nested {} deep.", kFilterDepthMax));
    }
    Node all;
    for (const auto& [key, value] : json.items()) {
      ASSIGN_OR_RETURN(Node node, key.starts_with('$') ? group(key, value, depth)
                                                       : condition(key, value, depth));
      all.children.push_back(std::move(node));
    }
    return all;
  }

 private:
  Result<void> count() {
    if (++conditions_ <= kFilterConditionsMax) return {};
    return invalid(fmt::format("it has more than {} conditions.", kFilterConditionsMax));
  }

  Result<Node> group(const std::string& name, const Json& value, std::size_t depth) {
    RETURN_IF_ERROR(count());
    if (name == "$not") {
      ASSIGN_OR_RETURN(Node inner, filter(value, depth + 1));
      Node node{.test = Test::kNot};
      node.children.push_back(std::move(inner));
      return node;
    }
    if (name != "$and" && name != "$or") {
      return invalid(fmt::format("there is no '{}' here; there are {}.", name, kOperators));
    }
    if (!value.is_array() || value.empty()) {
      return invalid(fmt::format("{} takes a list of filters, at least one.", name));
    }
    Node node{.test = name == "$and" ? Test::kAll : Test::kAny};
    for (const Json& part : value) {
      RETURN_IF_ERROR(count());
      ASSIGN_OR_RETURN(Node inner, filter(part, depth + 1));
      node.children.push_back(std::move(inner));
    }
    return node;
  }

  // {"key": value}: equality, unless the value is an object of operators.
  Result<Node> condition(const std::string& key, const Json& value, std::size_t depth) {
    const bool operators =
        value.is_object() && !value.empty() && value.items().begin().key().starts_with('$');
    if (!operators) {
      RETURN_IF_ERROR(count());
      return Node{.test = Test::kEqual, .key = key, .operand = value};
    }
    if (depth > kFilterDepthMax) {
      return invalid(fmt::format("filters may be nested {} deep.", kFilterDepthMax));
    }
    Node all;
    for (const auto& [name, operand] : value.items()) {
      RETURN_IF_ERROR(count());
      ASSIGN_OR_RETURN(
          Node node, name == "$not" ? not_on(key, operand, depth) : operation(key, name, operand));
      all.children.push_back(std::move(node));
    }
    return all;
  }

  // {"key": {"$not": {"$gt": 5}}}
  Result<Node> not_on(const std::string& key, const Json& operand, std::size_t depth) {
    if (!operand.is_object()) return invalid(fmt::format("$not of '{}' takes operators.", key));
    ASSIGN_OR_RETURN(Node inner, condition(key, operand, depth + 1));
    Node node{.test = Test::kNot};
    node.children.push_back(std::move(inner));
    return node;
  }

  static Result<Node> operation(const std::string& key, const std::string& name,
                                const Json& operand) {
    const auto found = std::ranges::find(kKeyOperators, name, &Operator::name);
    if (found == std::end(kKeyOperators)) {
      return invalid(
          fmt::format("'{}' of '{}' is no operator; there are {}.", name, key, kOperators));
    }
    Node node{.test = found->test, .key = key, .operand = operand};
    if (node.test == Test::kOneOf && (!operand.is_array() || operand.size() > kFilterListMax)) {
      return invalid(
          fmt::format("{} of '{}' takes a list of at most {} values.", name, key, kFilterListMax));
    }
    if (node.test == Test::kExists && !operand.is_boolean()) {
      return invalid(fmt::format("$exists of '{}' takes true or false.", key));
    }
    if (is_order(node.test)) {
      node.bound = ordered_value(operand);
      if (!node.bound) {
        return invalid(
            fmt::format("{} of '{}' takes a number, a date, a time or text.", name, key));
      }
    }
    if (!found->negated) return node;
    Node negated{.test = Test::kNot};
    negated.children.push_back(std::move(node));
    return negated;
  }

  std::size_t conditions_ = 0;
};

bool is_equal(const Json* value, const Json& wanted) {
  return value == nullptr ? wanted.is_null() : python_equal(*value, wanted);
}

bool contains(const Json& value, const Json& wanted) {
  if (value.is_string() && wanted.is_string()) {
    return value.get_ref<const std::string&>().contains(wanted.get_ref<const std::string&>());
  }
  return value.is_array() &&
         std::ranges::any_of(value, [&](const Json& item) { return python_equal(item, wanted); });
}

bool is_in_order(const Node& node, const Json* value) {
  if (value == nullptr) return false;
  const auto read = ordered_value(*value, node.bound->kind);
  if (!read) return false;
  const std::partial_ordering order = compare(*read, *node.bound);
  switch (node.test) {
    case Test::kGreater:
      return order > 0;
    case Test::kGreaterOrEqual:
      return order >= 0;
    case Test::kLess:
      return order < 0;
    default:
      return order <= 0;
  }
}

bool holds(const Node& node, const Json& metadata) {
  const auto child_holds = [&](const Node& child) { return holds(child, metadata); };
  const Json* value = codec::find_key(metadata, node.key);
  switch (node.test) {
    case Test::kAll:
      return std::ranges::all_of(node.children, child_holds);
    case Test::kAny:
      return std::ranges::any_of(node.children, child_holds);
    case Test::kNot:
      return !holds(node.children.front(), metadata);
    case Test::kEqual:
      return is_equal(value, node.operand);
    case Test::kOneOf:
      return std::ranges::any_of(node.operand,
                                 [&](const Json& one) { return is_equal(value, one); });
    case Test::kExists:
      return (value != nullptr) == node.operand.get<bool>();
    case Test::kContains:
      return value != nullptr && contains(*value, node.operand);
    case Test::kGreater:
    case Test::kGreaterOrEqual:
    case Test::kLess:
    case Test::kLessOrEqual:
      return is_in_order(node, value);
  }
  return false;
}

}  // namespace

Result<MetadataFilter> MetadataFilter::parse(const Json& filter) {
  ASSIGN_OR_RETURN(Node root, Parser().filter(filter, 1));
  if (root.children.empty()) return MetadataFilter();
  return MetadataFilter(std::make_shared<const Node>(std::move(root)));
}

bool MetadataFilter::matches(const Json& metadata) const {
  return root_ == nullptr || holds(*root_, metadata);
}

}  // namespace rage::rag
