// YAML by libyaml's emitter, of which the Go encoder's is a port.
#include <yaml.h>

#include <algorithm>
#include <array>
#include <regex>

#include "base/check.h"
#include "base/strings.h"
#include "codec/detail/go_scalar.h"
#include "codec/detail/yaml_scalar.h"
#include "codec/go_text.h"

namespace rage::codec {
namespace {

// The next character of UTF-8 text as a number; ASCII is all that the order looks into.
char32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  char32_t value = first < 0x80 ? first : first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < std::min(size, text.size()); ++i) {
    value = value << 6U | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  text.remove_prefix(std::min(size, text.size()));
  return value;
}

bool is_letter(char32_t c) {
  return c < 0x80 ? is_ascii_alpha(static_cast<char>(c)) : c > 0xbf;
}

// The digits that start here, as a number of any length: without zeros in front, longer is more.
std::string_view take_digits(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, is_ascii_digit);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

int compare_numbers(std::string_view a, std::string_view b) {
  const auto significant = [](std::string_view digits) {
    digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
    return digits;
  };
  const std::string_view x = significant(a);
  const std::string_view y = significant(b);
  if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
  if (const int order = x.compare(y); order != 0) return order;
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

// Dates are strings to our reader, but Go's encoder quotes them.
bool looks_like_time(const std::string& text) {
  static const std::regex pattern(
      "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
      "(([Tt]|[ \\t]+)[0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\\.[0-9]*)?"
      "([ \\t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?)?");
  return text.size() <= 40 && std::regex_match(text, pattern);
}

// "12:30:45" is a number of base 60 to old readers.
bool looks_like_base_60(const std::string& text) {
  static const std::regex pattern("[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\\.[0-9_]*)?");
  return text.size() <= 40 && std::regex_match(text, pattern);
}

int append_bytes(void* out, unsigned char* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(bytes), size);
  return 1;
}

// Resource. One thread. Fails never but for want of memory.
class Emitter final {
 public:
  explicit Emitter(std::string& out) {
    CHECK(yaml_emitter_initialize(&emitter_) == 1);
    yaml_emitter_set_output(&emitter_, append_bytes, &out);
    yaml_emitter_set_unicode(&emitter_, 1);
    yaml_event_t event;
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(event);
    yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1);
    emit(event);
  }
  ~Emitter() { yaml_emitter_delete(&emitter_); }
  Emitter(const Emitter&) = delete;
  Emitter& operator=(const Emitter&) = delete;

  void finish() {
    yaml_event_t event;
    yaml_document_end_event_initialize(&event, 1);
    emit(event);
    yaml_stream_end_event_initialize(&event);
    emit(event);
  }

  void value(const Json& json) {
    yaml_event_t event;
    if (json.is_object()) {
      yaml_mapping_start_event_initialize(
          &event, nullptr, nullptr, 1,
          json.empty() ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
      emit(event);
      for (const std::string& key : detail::sorted_keys(json, detail::KeyOrder::kNatural)) {
        text(key);
        value(json[key]);
      }
      yaml_mapping_end_event_initialize(&event);
      emit(event);
    } else if (json.is_array()) {
      yaml_sequence_start_event_initialize(
          &event, nullptr, nullptr, 1,
          json.empty() ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
      emit(event);
      for (const Json& item : json) value(item);
      yaml_sequence_end_event_initialize(&event);
      emit(event);
    } else if (json.is_string()) {
      text(json.get_ref<const std::string&>());
    } else {
      scalar(json.is_number_float() ? detail::go_number(json.get<double>()) : render_json(json),
             YAML_PLAIN_SCALAR_STYLE);
    }
  }

 private:
  void text(const std::string& raw) {
    // Bytes that are not UTF-8 would stop the emitter.
    const Json clean = parse_json(render_json(Json(raw))).value_or(Json(""));
    const auto& text = clean.get_ref<const std::string&>();
    scalar(text, text.find('\n') != std::string::npos ? YAML_LITERAL_SCALAR_STYLE
                 : detail::reads_as_string(text)      ? YAML_PLAIN_SCALAR_STYLE
                                                      : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
  }
  void scalar(const std::string& text, yaml_scalar_style_t style) {
    yaml_event_t event;
    CHECK(
        yaml_scalar_event_initialize(&event, nullptr, nullptr,
                                     reinterpret_cast<yaml_char_t*>(const_cast<char*>(text.data())),
                                     static_cast<int>(text.size()), 1, 1, style) == 1);
    emit(event);
  }
  void emit(yaml_event_t& event) { CHECK(yaml_emitter_emit(&emitter_, &event) == 1); }

  yaml_emitter_t emitter_;
};

}  // namespace

namespace detail {

bool natural_less(std::string_view a, std::string_view b) {
  // Digits before the place where the two differ belong to the number there.
  std::size_t digits_before = 0;
  std::string_view x = a;
  std::string_view y = b;
  while (!x.empty() && !y.empty()) {
    const std::size_t at = a.size() - x.size();
    const char32_t c = take_character(x);
    const char32_t d = take_character(y);
    if (c == d) {
      digits_before = c < 0x80 && is_ascii_digit(static_cast<char>(c)) ? digits_before + 1 : 0;
      continue;
    }
    if (is_letter(c) && is_letter(d)) return c < d;
    if (is_letter(c) || is_letter(d)) return is_letter(d);
    const std::size_t start = at - digits_before;
    const std::string_view left = take_digits(a.substr(start));
    const std::string_view right = take_digits(b.substr(start));
    if (left.size() > digits_before || right.size() > digits_before) {
      if (const int order = compare_numbers(left, right); order != 0) return order < 0;
    }
    return c < d;
  }
  return a.size() < b.size();
}

bool reads_as_string(const std::string& text) {
  if (text == "<<" || looks_like_base_60(text) || looks_like_time(text)) return false;
  const std::string lower = to_lower_ascii(text);
  if (lower == ".nan" || lower == ".inf" || lower == "+.inf" || lower == "-.inf") return false;
  const auto value = resolve_plain_scalar(text);
  return value && value->is_string();
}

}  // namespace detail

std::string render_go_yaml(const Json& value) {
  std::string out;
  Emitter emitter(out);
  emitter.value(value);
  emitter.finish();
  return out;
}

}  // namespace rage::codec
