#include "vectordb/filter.h"

#include <array>
#include <optional>
#include <utility>

namespace rage::vectordb {
namespace {

using codec::Json;
using Kind = Filter::Kind;

std::unexpected<Error> refused(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "the filter makes no sense: {}", what);
}

Filter negate(Filter filter) {
  Filter no{.kind = Kind::kNot};
  no.parts.push_back(std::move(filter));
  return no;
}

std::optional<Kind> order_of(std::string_view name) {
  if (name == "$gt") return Kind::kGreater;
  if (name == "$gte") return Kind::kAtLeast;
  if (name == "$lt") return Kind::kLess;
  if (name == "$lte") return Kind::kAtMost;
  return std::nullopt;
}

class Parser {
 public:
  Result<Filter> object(const Json& json, std::size_t depth) {
    if (!json.is_object()) return refused("a filter is an object");
    if (depth > kFilterDepthMax) return refused("it is nested too deeply");
    Filter all{.kind = Kind::kAll};
    for (const auto& [key, value] : json.items()) {
      ASSIGN_OR_RETURN(Filter part, key.starts_with('$') ? around(key, value, depth)
                                                         : on_key(key, value, depth));
      all.parts.push_back(std::move(part));
    }
    return all;
  }

 private:
  Result<Filter> around(const std::string& name, const Json& value, std::size_t depth) {
    if (name == "$not") {
      ASSIGN_OR_RETURN(Filter inner, object(value, depth + 1));
      return negate(std::move(inner));
    }
    if (name != "$and" && name != "$or") return refused("unknown operator '" + name + "'");
    if (!value.is_array()) return refused("'" + name + "' takes a list of filters");
    Filter list{.kind = name == "$and" ? Kind::kAll : Kind::kAny};
    for (const Json& item : value) {
      ASSIGN_OR_RETURN(Filter part, object(item, depth + 1));
      list.parts.push_back(std::move(part));
    }
    return list;
  }

  Result<Filter> on_key(const std::string& key, const Json& value, std::size_t depth) {
    const bool operators =
        value.is_object() && !value.empty() && value.begin().key().starts_with('$');
    if (!operators) return leaf(Kind::kEquals, key, value);
    Filter all{.kind = Kind::kAll};
    for (const auto& [name, operand] : value.items()) {
      ASSIGN_OR_RETURN(Filter part, one_operator(key, name, operand, depth));
      all.parts.push_back(std::move(part));
    }
    return all;
  }

  Result<Filter> one_operator(const std::string& key, const std::string& name, const Json& operand,
                              std::size_t depth) {
    if (name == "$eq") return leaf(Kind::kEquals, key, operand);
    if (name == "$contains") return leaf(Kind::kContains, key, operand);
    if (name == "$ne" || name == "$nin") {
      ASSIGN_OR_RETURN(Filter same,
                       one_operator(key, name == "$ne" ? "$eq" : "$in", operand, depth));
      return negate(std::move(same));
    }
    if (name == "$in") return any_of(key, operand);
    if (name == "$exists") {
      if (!operand.is_boolean()) return refused("'$exists' takes true or false");
      ASSIGN_OR_RETURN(Filter there, leaf(Kind::kExists, key, nullptr));
      if (operand.get<bool>()) return there;
      return negate(std::move(there));
    }
    if (const auto order = order_of(name)) {
      if (!operand.is_number() && !operand.is_string()) {
        return refused("'" + name + "' takes a number or a text");
      }
      return leaf(*order, key, operand);
    }
    return refused("unknown operator '" + name + "'");
  }

  Result<Filter> any_of(const std::string& key, const Json& list) {
    if (!list.is_array()) return refused("'$in' takes a list");
    Filter any{.kind = Kind::kAny};
    for (const Json& item : list) {
      ASSIGN_OR_RETURN(Filter part, leaf(Kind::kEquals, key, item));
      any.parts.push_back(std::move(part));
    }
    return any;
  }

  Result<Filter> leaf(Kind kind, const std::string& key, const Json& value) {
    if (++conditions_ > kFilterConditionsMax) return refused("it has too many conditions");
    return Filter{.kind = kind, .key = key, .value = value};
  }

  std::size_t conditions_ = 0;
};

}  // namespace

Result<Filter> parse_filter(const Json* filter) {
  if (filter == nullptr) return Filter{};
  return Parser().object(*filter, 1);
}

}  // namespace rage::vectordb
