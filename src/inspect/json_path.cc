#include "inspect/json_path.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "inspect/detail/json_path_tree.h"

namespace rage::inspect {
namespace {

using Values = std::vector<const Json*>;
using Nodes = std::vector<std::shared_ptr<const JsonPath::Node>>;
using Step = JsonPath::Step;

// Steps over values: "{..}" in each other would go on for ever.
constexpr std::size_t kVisitsMax = 4'000'000;
constexpr std::size_t kRenderedBytesMax = std::size_t{64} << 20;

std::optional<double> as_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return parse_double(value.get_ref<const std::string&>());
  return std::nullopt;
}

bool compare(const Json& left, std::string_view op, const Json& right) {
  if (op == "==" || op == "!=") return (left == right) == (op == "==");
  const auto holds = [op](const auto& a, const auto& b) {
    return op == "<" ? a < b : op == "<=" ? a <= b : op == ">" ? a > b : a >= b;
  };
  if (left.is_string() && right.is_string()) {
    return holds(left.get_ref<const std::string&>(), right.get_ref<const std::string&>());
  }
  const auto a = as_number(left);
  const auto b = as_number(right);
  return a && b && holds(*a, *b);
}

// One thread. Stops finding anything once it has looked at kVisitsMax values.
class Walker final {
 public:
  bool exhausted() const { return visits_ > kVisitsMax; }

  Values walk(const std::vector<Step>& steps, const Json& document) {
    Values values{&document};
    for (const Step& step : steps) {
      Values next;
      for (const Json* value : values) apply(step, *value, next);
      values = std::move(next);
    }
    return values;
  }

  Result<void> render(const Nodes& nodes, const Json& document, std::string& out) {
    for (const auto& node : nodes) {
      if (exhausted() || out.size() > kRenderedBytesMax) {
        return fail(ErrorCode::kResourceExhausted, "the JSONPath finds too much");
      }
      if (!node->is_expression) {
        out += node->text;
        continue;
      }
      std::string_view separator;
      for (const Json* value : walk(node->path, document)) {
        if (out.size() > kRenderedBytesMax) break;
        if (node->is_range) {
          RETURN_IF_ERROR(render(node->body, *value, out));
        } else {
          out += separator;
          out += render_value(*value);
          separator = " ";
        }
      }
    }
    return {};
  }

 private:
  void found(const Json& value, Values& out) {
    if (++visits_ <= kVisitsMax) out.push_back(&value);
  }

  void descend(const Json& value, Values& out) {
    found(value, out);
    if (!value.is_structured() || exhausted()) return;
    for (const Json& item : value) descend(item, out);
  }

  void slice(const Step& step, const Json& list, Values& out) {
    const auto size = static_cast<std::int64_t>(list.size());
    const auto place = [&](std::optional<std::int64_t> given, std::int64_t fallback) {
      const std::int64_t at = given.value_or(fallback);
      return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size);
    };
    const std::int64_t end = place(step.end, size);
    for (std::int64_t i = place(step.begin, 0); i < end; i += step.stride) {
      found(list[static_cast<std::size_t>(i)], out);
    }
  }

  bool passes(const Step& step, const Json& item) {
    const Values left = walk(step.path, item);
    return !left.empty() && (step.op.empty() || compare(*left.front(), step.op, step.literal));
  }

  void apply(const Step& step, const Json& value, Values& out) {
    ++visits_;
    switch (step.kind) {
      case Step::Kind::kField:
        if (const Json* field = codec::find_key(value, step.name)) found(*field, out);
        return;
      case Step::Kind::kSlice:
        if (value.is_array()) slice(step, value, out);
        return;
      case Step::Kind::kDescend:
        descend(value, out);
        return;
      case Step::Kind::kAll:
        if (!value.is_structured()) return;
        for (const Json& item : value) found(item, out);
        return;
      case Step::Kind::kFilter:
        if (!value.is_array()) return;
        for (const Json& item : value) {
          if (!exhausted() && passes(step, item)) found(item, out);
        }
        return;
    }
  }

  std::size_t visits_ = 0;
};

}  // namespace

Result<JsonPath> JsonPath::parse(std::string_view text) {
  ASSIGN_OR_RETURN(auto nodes, detail::parse_template(text));
  JsonPath path;
  path.nodes_ = std::move(nodes);
  return path;
}

Result<JsonPath> JsonPath::parse_relaxed(std::string_view text) {
  if (text.find('{') != std::string_view::npos) return parse(text);
  return parse(
      fmt::format("{{{}{}}}", text.starts_with('.') || text.starts_with('[') ? "" : ".", text));
}

Result<std::string> JsonPath::render(const Json& document) const {
  std::string out;
  RETURN_IF_ERROR(Walker().render(nodes_, document, out));
  return out;
}

std::vector<const Json*> JsonPath::find(const Json& document) const {
  for (const auto& node : nodes_) {
    if (node->is_expression) return Walker().walk(node->path, document);
  }
  return {};
}

std::string render_value(const Json& value) {
  return value.is_string() ? value.get<std::string>() : codec::render_json(value);
}

}  // namespace rage::inspect
