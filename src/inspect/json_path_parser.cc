#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "inspect/detail/json_path_tree.h"

namespace rage::inspect::detail {
namespace {

using Step = JsonPath::Step;
using Node = JsonPath::Node;
using Nodes = std::vector<std::shared_ptr<const Node>>;

constexpr std::size_t kTextBytesMax = 64 << 10;
constexpr std::size_t kStepsMax = 64;
constexpr std::size_t kRangesMax = 8;
constexpr std::int64_t kIndexMax = 1'000'000'000;

// One thread. Reads a template from left to right.
class Parser final {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  // Up to the end, or in a range to its {end}.
  Result<Nodes> nodes(std::size_t ranges) {
    Nodes list;
    while (at_ < text_.size()) {
      if (text_[at_] != '{') {
        const std::size_t end = std::min(text_.find('{', at_), text_.size());
        list.push_back(
            std::make_shared<Node>(Node{.text = std::string(text_.substr(at_, end - at_))}));
        at_ = end;
        continue;
      }
      ++at_;
      skip_space();
      if (take_word("end")) {
        RETURN_IF_ERROR(expect('}'));
        if (ranges == 0) return refuse("{end} without {range}");
        return list;
      }
      ASSIGN_OR_RETURN(Node node, expression(ranges));
      list.push_back(std::make_shared<Node>(std::move(node)));
    }
    if (ranges > 0) return refuse("{range} without {end}");
    return list;
  }

 private:
  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorCode::kInvalidArgument, "JSONPath, at character {}: {}", at_ + 1, what);
  }
  bool more() const { return at_ < text_.size(); }
  char peek() const { return more() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || !more()) return false;
    ++at_;
    return true;
  }
  void skip_space() {
    while (more() && is_ascii_space(text_[at_])) ++at_;
  }
  // A word that ends here: "range", "end".
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    const char next = at_ + word.size() < text_.size() ? text_[at_ + word.size()] : '}';
    if (next != '}' && !is_ascii_space(next)) return false;
    at_ += word.size();
    skip_space();
    return true;
  }
  Result<void> expect(char c) {
    skip_space();
    if (!take(c)) return refuse(fmt::format("expected '{}'", c));
    return {};
  }

  // After '{'.
  Result<Node> expression(std::size_t ranges) {
    if (peek() == '"' || peek() == '\'') {
      ASSIGN_OR_RETURN(std::string text, quoted());
      RETURN_IF_ERROR(expect('}'));
      return Node{.text = std::move(text)};
    }
    Node node{.is_expression = true};
    node.is_range = take_word("range");
    ASSIGN_OR_RETURN(node.path, path());
    RETURN_IF_ERROR(expect('}'));
    if (!node.is_range) return node;
    if (ranges >= kRangesMax) return refuse("too many ranges in each other");
    ASSIGN_OR_RETURN(node.body, nodes(ranges + 1));
    return node;
  }

  Result<std::string> quoted() {
    const char mark = text_[at_++];
    std::string out;
    while (more() && text_[at_] != mark) {
      char c = text_[at_++];
      if (c == '\\' && more()) {
        c = text_[at_++];
        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
      out += c;
    }
    if (!take(mark)) return refuse("a quoted text does not end");
    return out;
  }

  Result<std::vector<Step>> path() {
    if (!take('$')) (void)take('@');
    std::vector<Step> steps;
    while (true) {
      if (steps.size() > kStepsMax) return refuse("too many steps");
      if (peek() == '[') {
        ASSIGN_OR_RETURN(Step step, bracket());
        steps.push_back(std::move(step));
      } else if (take('.')) {
        if (take('.')) steps.push_back({.kind = Step::Kind::kDescend});
        if (peek() == '[') continue;
        if (take('*')) {
          steps.push_back({.kind = Step::Kind::kAll});
        } else if (std::string name = field(); !name.empty()) {
          steps.push_back({.name = std::move(name)});
        } else if (!steps.empty() && more() && steps.back().kind != Step::Kind::kDescend) {
          return refuse("expected the name of a field");
        }
      } else {
        return steps;
      }
    }
  }

  // Up to what ends a name; a backslash keeps the character after it.
  std::string field() {
    constexpr std::string_view kEnds = ".[]{}()=!<>\"'@$*?,| \t\n\r";
    std::string name;
    while (more()) {
      char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        c = text_[++at_];
      } else if (kEnds.find(c) != std::string_view::npos) {
        break;
      }
      name += c;
      ++at_;
    }
    return name;
  }

  Result<Step> bracket() {
    ++at_;
    skip_space();
    Step step;
    if (peek() == '\'' || peek() == '"') {
      ASSIGN_OR_RETURN(step.name, quoted());
    } else if (take('*')) {
      step.kind = Step::Kind::kAll;
    } else if (take('?')) {
      ASSIGN_OR_RETURN(step, filter());
    } else {
      ASSIGN_OR_RETURN(step, slice());
    }
    skip_space();
    if (peek() == ',') return refuse("unions are not supported; ask for one after the other");
    RETURN_IF_ERROR(expect(']'));
    return step;
  }

  Result<std::optional<std::int64_t>> number() {
    const bool negative = take('-');
    const std::size_t start = at_;
    while (more() && is_ascii_digit(text_[at_])) ++at_;
    if (start == at_ && !negative) return std::optional<std::int64_t>();
    const auto value = parse_uint(text_.substr(start, at_ - start));
    if (!value || *value > kIndexMax) return refuse("expected an index");
    const auto index = static_cast<std::int64_t>(*value);
    return std::optional(negative ? -index : index);
  }

  Result<Step> slice() {
    Step step{.kind = Step::Kind::kSlice};
    ASSIGN_OR_RETURN(step.begin, number());
    if (!take(':')) {
      if (!step.begin) return refuse("expected an index, '*', a quoted name or '?('");
      // The last element has no element after it.
      if (*step.begin != -1) step.end = *step.begin + 1;
      return step;
    }
    ASSIGN_OR_RETURN(step.end, number());
    if (take(':')) {
      ASSIGN_OR_RETURN(const auto stride, number());
      step.stride = stride.value_or(1);
      if (step.stride < 1) return refuse("a step has to be 1 or more");
    }
    return step;
  }

  // After "[?".
  Result<Step> filter() {
    Step step{.kind = Step::Kind::kFilter};
    RETURN_IF_ERROR(expect('('));
    skip_space();
    if (peek() != '@') return refuse("expected '@'");
    if (++filters_ > kRangesMax) return refuse("too many filters in each other");
    ASSIGN_OR_RETURN(step.path, path());
    --filters_;
    skip_space();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
      if (!text_.substr(at_).starts_with(op)) continue;
      step.op = op;
      at_ += op.size();
      skip_space();
      ASSIGN_OR_RETURN(step.literal, literal());
      break;
    }
    RETURN_IF_ERROR(expect(')'));
    return step;
  }

  Result<Json> literal() {
    if (peek() == '"' || peek() == '\'') {
      ASSIGN_OR_RETURN(std::string text, quoted());
      return Json(std::move(text));
    }
    const std::size_t end = std::min(text_.find_first_of(") \t]}", at_), text_.size());
    const std::string_view word = text_.substr(at_, end - at_);
    const auto value = codec::parse_json(word);
    if (!value || value->is_structured()) return refuse("expected a quoted text or a number");
    at_ = end;
    return *value;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t filters_ = 0;
};

}  // namespace

Result<Nodes> parse_template(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "a JSONPath has at most {} bytes", kTextBytesMax);
  }
  return Parser(text).nodes(0);
}

}  // namespace rage::inspect::detail
