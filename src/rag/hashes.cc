#include "rag/hashes.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/sha256.h"
#include "text/printable.h"
#include "text/unicode.h"

namespace rage::rag {
namespace {

using codec::Json;

std::string repr_of_string(std::string_view text) {
  const bool double_quotes =
      text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char32_t quote = double_quotes ? U'"' : U'\'';
  std::string out(1, static_cast<char>(quote));
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = text::next_code_point(text, at);
    if (c == quote || c == U'\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == U'\n') {
      out += "\\n";
    } else if (c == U'\r') {
      out += "\\r";
    } else if (c == U'\t') {
      out += "\\t";
    } else if (text::is_printable(c)) {
      text::append_utf8(out, c);
    } else if (c < 0x100) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else if (c < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<unsigned>(c));
    }
  }
  out.push_back(static_cast<char>(quote));
  return out;
}

// Python writes an exponent below 1e-4 and from 1e16 on, and always shows that it is a float.
std::string repr_of_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double magnitude = std::fabs(value);
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e16);
  std::array<char, 400> buffer{};
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format);
  std::string text(buffer.data(), result.ptr);
  if (!exponent && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string str_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : python_repr(value);
}

}  // namespace

std::string python_repr(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
    case Json::value_t::discarded:
      return "None";
    case Json::value_t::boolean:
      return value.get<bool>() ? "True" : "False";
    case Json::value_t::string:
      return repr_of_string(value.get_ref<const std::string&>());
    case Json::value_t::number_integer:
      return std::to_string(value.get<std::int64_t>());
    case Json::value_t::number_unsigned:
      return std::to_string(value.get<std::uint64_t>());
    case Json::value_t::number_float:
      return repr_of_float(value.get<double>());
    case Json::value_t::binary:
      return "None";  // JSON text never yields binary.
    case Json::value_t::array: {
      std::string out = "[";
      for (const Json& item : value) {
        if (out.size() > 1) out += ", ";
        out += python_repr(item);
      }
      return out + "]";
    }
    case Json::value_t::object: {
      std::string out = "{";
      for (const auto& [key, item] : value.items()) {
        if (out.size() > 1) out += ", ";
        out += repr_of_string(key) + ": " + python_repr(item);
      }
      return out + "}";
    }
  }
  return "None";
}

std::string render_metadata(const Json& metadata) {
  std::string out;
  for (const auto& [key, value] : metadata.items()) {
    if (!out.empty()) out.push_back('\n');
    out += key + ": " + str_of(value);
  }
  return out;
}

std::string document_id(std::string_view text) {
  return sha256_hex(text);
}

std::string chunk_hash(std::string_view text, const Json& metadata) {
  return sha256_hex(std::string(text) + python_repr(metadata));
}

std::string document_hash(std::string_view text, const Json& metadata) {
  const std::string rendered = render_metadata(metadata);
  const std::string id = document_id(text);
  return sha256_hex(metadata.empty() ? id : rendered + "-" + id);
}

bool python_equal(const Json& a, const Json& b) {
  const auto number = [](const Json& value) -> Json {
    return value.is_boolean() ? Json(value.get<bool>() ? 1 : 0) : value;
  };
  if (a.is_array() && b.is_array()) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!python_equal(a[i], b[i])) return false;
    }
    return true;
  }
  if (a.is_object() && b.is_object()) {
    if (a.size() != b.size()) return false;
    for (const auto& [key, value] : a.items()) {
      const Json* other = codec::find_key(b, key);
      if (other == nullptr || !python_equal(value, *other)) return false;
    }
    return true;
  }
  return number(a) == number(b);
}

}  // namespace rage::rag
