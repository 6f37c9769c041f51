#include "codec/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/strings.h"
#include "codec/detail/yaml_scalar.h"

namespace rage::codec {
namespace {

constexpr std::size_t kNodeBytes = 16;  // What a value weighs beside its text.
constexpr std::string_view kCoreTag = "tag:yaml.org,2002:";

bool is_resolved(std::string_view type, const Json& value) {
  if (type == "bool") return value.is_boolean();
  if (type == "int") return value.is_number_integer();
  if (type == "float") return value.is_number();
  return type != "null" || value.is_null();
}

struct EventDeleter {
  void operator()(yaml_event_t* event) const { yaml_event_delete(event); }
};

struct ParserDeleter {
  void operator()(yaml_parser_t* parser) const { yaml_parser_delete(parser); }
};

std::string text_or_empty(const yaml_char_t* text) {
  return text == nullptr ? std::string() : reinterpret_cast<const char*>(text);
}

// libyaml's events of one document to one tree.
class TreeBuilder final {
 public:
  explicit TreeBuilder(const YamlLimits& limits) : limits_(limits) {}

  Json take() { return std::move(root_); }

  Result<void> add(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_ALIAS_EVENT:
        return alias(text_or_empty(event.data.alias.anchor));
      case YAML_SCALAR_EVENT:
        return scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return open(text_or_empty(event.data.sequence_start.anchor), Json::array());
      case YAML_MAPPING_START_EVENT:
        return open(text_or_empty(event.data.mapping_start.anchor), Json::object());
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      default:
        return {};
    }
  }

 private:
  struct Value {
    Json tree;
    std::size_t bytes = kNodeBytes;
    std::size_t height = 0;  // Levels of collections in it.
  };
  struct Frame {
    Value value;
    std::string anchor;
    std::optional<std::string> key = std::nullopt;
    bool merging = false;
    std::unordered_set<std::string> keys = {};  // A Json object looks its keys up one by one.
    std::vector<Json> merged = {};
  };

  static std::unexpected<Error> refuse(std::string what) {
    return fail(ErrorCode::kInvalidArgument, std::move(what));
  }

  Result<void> alias(const std::string& anchor) {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return refuse(fmt::format("nothing is called &{}", anchor));
    RETURN_IF_ERROR(repeat(found->second));
    return place("", found->second);
  }

  Result<void> scalar(const yaml_event_t& event) {
    const auto& source = event.data.scalar;
    const std::string text(reinterpret_cast<const char*>(source.value), source.length);
    const std::string tag = text_or_empty(source.tag);
    const bool plain = tag.empty() && source.plain_implicit != 0;
    if (plain && text == "<<" && expects_key()) {
      frames_.back().merging = true;
      return {};
    }
    std::optional<Json> value = Json(text);
    if (plain) value = detail::resolve_plain_scalar(text);
    if (tag.starts_with(kCoreTag)) value = tagged(tag.substr(kCoreTag.size()), text);
    if (!value) return refuse(fmt::format("'{}' has no JSON value", text));
    return place(text_or_empty(source.anchor),
                 {.tree = *std::move(value), .bytes = kNodeBytes + text.size()});
  }

  static std::optional<Json> tagged(std::string_view type, const std::string& text) {
    const bool scalar = type == "bool" || type == "int" || type == "float" || type == "null";
    if (!scalar) return Json(text);
    std::optional<Json> value = detail::resolve_plain_scalar(text);
    return value && is_resolved(type, *value) ? std::move(value) : std::nullopt;
  }

  bool expects_key() const {
    return !frames_.empty() && frames_.back().value.tree.is_object() && !frames_.back().key &&
           !frames_.back().merging;
  }

  Result<void> check_depth(std::size_t more) const {
    if (frames_.size() + more <= limits_.depth_max) return {};
    return refuse(fmt::format("nested deeper than {} levels", limits_.depth_max));
  }

  Result<void> repeat(const Value& value) {
    repeated_ += value.bytes;
    if (repeated_ > limits_.alias_bytes_max) return refuse("anchors and aliases repeat too much");
    return check_depth(value.height);
  }

  Result<void> open(std::string anchor, Json tree) {
    RETURN_IF_ERROR(check_depth(1));
    frames_.push_back(
        {.value = {.tree = std::move(tree), .height = 1}, .anchor = std::move(anchor)});
    return {};
  }

  Result<void> close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    for (Json& merged : frame.merged) {
      for (auto& [key, value] : merged.items()) {
        if (frame.keys.insert(key).second) append(frame.value.tree, key, std::move(value));
      }
    }
    return place(frame.anchor, std::move(frame.value));
  }

  static void append(Json& object, const std::string& key, Json value) {
    object.get_ref<Json::object_t&>().emplace_back(key, std::move(value));
  }

  Result<void> place(const std::string& anchor, Value value) {
    if (!anchor.empty()) {
      RETURN_IF_ERROR(repeat(value));  // The copy kept for its aliases counts, too.
      anchors_.insert_or_assign(anchor, value);
    }
    if (frames_.empty()) {
      root_ = std::move(value.tree);
      return {};
    }
    Frame& frame = frames_.back();
    frame.value.bytes += value.bytes;
    frame.value.height = std::max(frame.value.height, value.height + 1);
    if (frame.value.tree.is_array()) {
      frame.value.tree.push_back(std::move(value.tree));
    } else if (frame.merging) {
      return merge(frame, std::move(value.tree));
    } else if (frame.key) {
      append(frame.value.tree, *frame.key, std::move(value.tree));
      frame.key.reset();
    } else {
      return take_key(frame, value.tree);
    }
    return {};
  }

  static Result<void> take_key(Frame& frame, const Json& value) {
    if (value.is_structured() || value.is_null()) return refuse("a key that is no scalar");
    std::string key = value.is_string() ? value.get<std::string>() : render_json(value);
    if (!frame.keys.insert(key).second) return refuse(fmt::format("key '{}' is given twice", key));
    frame.key = std::move(key);
    return {};
  }

  static Result<void> merge(Frame& frame, Json source) {
    frame.merging = false;
    if (source.is_object()) {
      frame.merged.push_back(std::move(source));
      return {};
    }
    const auto is_object = [](const Json& item) { return item.is_object(); };
    if (!source.is_array() || !std::ranges::all_of(source, is_object)) {
      return refuse("'<<' merges maps only");
    }
    std::ranges::move(source, std::back_inserter(frame.merged));
    return {};
  }

  const YamlLimits limits_;
  std::vector<Frame> frames_;
  std::map<std::string, Value, std::less<>> anchors_;
  std::size_t repeated_ = 0;
  Json root_;
};

std::unexpected<Error> fail_at(std::size_t line, std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "not valid YAML, line {}: {}", line + 1, what);
}

Result<std::vector<Json>> parse_documents(yaml_parser_t& parser, const YamlLimits& limits) {
  std::vector<Json> documents;
  std::optional<TreeBuilder> builder;
  while (true) {
    yaml_event_t event;
    if (yaml_parser_parse(&parser, &event) == 0) {
      const char* problem = parser.problem != nullptr ? parser.problem : "out of memory";
      return fail_at(parser.problem_mark.line, problem);
    }
    const std::unique_ptr<yaml_event_t, EventDeleter> owner(&event);
    if (event.type == YAML_STREAM_END_EVENT) return documents;
    if (event.type == YAML_DOCUMENT_START_EVENT) builder.emplace(limits);
    if (!builder) continue;
    if (const auto added = builder->add(event); !added) {
      return fail_at(event.start_mark.line, added.error().message);
    }
    if (event.type != YAML_DOCUMENT_END_EVENT) continue;
    Json document = builder->take();
    if (!document.is_null()) documents.push_back(std::move(document));
  }
}

}  // namespace

Result<std::vector<Json>> parse_yaml_stream(std::string_view text, const YamlLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(ErrorCode::kResourceExhausted, "YAML text is larger than {} bytes",
                limits.bytes_max);
  }
  // JSON is YAML but for details (surrogate pairs), and its own parser is many times faster.
  if (trim(text).starts_with('{')) {
    const JsonLimits json{.bytes_max = limits.bytes_max, .depth_max = limits.depth_max};
    if (auto value = parse_json(text, json)) return std::vector<Json>{*std::move(value)};
  }
  yaml_parser_t parser;
  if (yaml_parser_initialize(&parser) == 0) {
    return fail(ErrorCode::kResourceExhausted, "out of memory");
  }
  const std::unique_ptr<yaml_parser_t, ParserDeleter> owner(&parser);
  yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(text.data()),
                               text.size());
  return parse_documents(parser, limits);
}

Result<Json> parse_yaml(std::string_view text, const YamlLimits& limits) {
  ASSIGN_OR_RETURN(std::vector<Json> documents, parse_yaml_stream(text, limits));
  if (documents.size() > 1) {
    return fail(ErrorCode::kInvalidArgument, "{} YAML documents where one is expected",
                documents.size());
  }
  return documents.empty() ? Json() : std::move(documents.front());
}

}  // namespace rage::codec
