#include "codec/go_text.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "codec/detail/go_scalar.h"

namespace rage::codec {
namespace {

// Beside JSON's own escapes, Go's encoder hides what could end a script element, and JavaScript's
// line ends.
std::string go_string(const Json& text) {
  const std::string plain = render_json(text);
  std::string out;
  out.reserve(plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const std::string_view rest = std::string_view(plain).substr(i, 3);
    const char c = plain[i];
    if (c == '<' || c == '>' || c == '&') {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else if (rest == "\u2028" || rest == "\u2029") {
      out += rest == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += c;
    }
  }
  return out;
}

std::string go_scalar(const Json& value) {
  if (value.is_string()) return go_string(value);
  if (value.is_number_float()) return detail::go_number(value.get<double>());
  return render_json(value);
}

void write_json(const Json& value, std::size_t depth, std::string& out) {
  if (!value.is_structured()) {
    out += go_scalar(value);
    return;
  }
  const bool is_object = value.is_object();
  out += is_object ? '{' : '[';
  const std::string margin((depth + 1) * 4, ' ');
  std::string_view separator = "\n";
  const auto begin_item = [&] {
    out += separator;
    out += margin;
    separator = ",\n";
  };
  if (is_object) {
    for (const std::string& key : detail::sorted_keys(value, detail::KeyOrder::kBytes)) {
      begin_item();
      out += go_string(Json(key)) + ": ";
      write_json(value[key], depth + 1, out);
    }
  } else {
    for (const Json& item : value) {
      begin_item();
      write_json(item, depth + 1, out);
    }
  }
  if (!value.empty()) out += "\n" + margin.substr(4);
  out += is_object ? '}' : ']';
}

}  // namespace

namespace detail {

std::string go_number(double value) {
  const double size = std::abs(value);
  if (size != 0 && (size < 1e-6 || size >= 1e21)) {
    std::string text = fmt::format("{:e}", value);  // Only the exponent is of use.
    const int exponent = std::stoi(text.substr(text.find('e') + 1));
    text = fmt::format("{}", value);  // The shortest digits that read back the same.
    const std::string digits = text.substr(0, text.find('e'));
    return fmt::format("{}e{}{}", digits, exponent < 0 ? "-" : "+", std::abs(exponent));
  }
  if (value == std::trunc(value)) return fmt::format("{:.0f}", value);
  std::string text = fmt::format("{}", value);
  if (text.find('e') == std::string::npos) return text;
  // Go writes small numbers out; the digits after the point are those of the shortest form.
  const std::size_t mark = text.find('e');
  std::string digits = text.substr(0, mark);
  std::erase(digits, '.');
  const bool negative = digits.starts_with('-');
  if (negative) digits.erase(0, 1);
  const int exponent = std::stoi(text.substr(mark + 1));
  return fmt::format("{}0.{}{}", negative ? "-" : "",
                     std::string(static_cast<std::size_t>(std::max(0, -exponent - 1)), '0'),
                     digits);
}

std::vector<std::string> sorted_keys(const Json& object, KeyOrder order) {
  std::vector<std::string> keys;
  keys.reserve(object.size());
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  if (order == KeyOrder::kBytes) {
    std::ranges::sort(keys);
  } else {
    std::ranges::sort(keys, natural_less);
  }
  return keys;
}

}  // namespace detail

std::string render_go_json(const Json& value) {
  std::string out;
  write_json(value, 0, out);
  return out;
}

}  // namespace rage::codec
