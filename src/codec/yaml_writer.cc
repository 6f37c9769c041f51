#include "codec/yaml_writer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"

namespace rage::codec {
namespace {

// YAML 1.1 reads these plain words as booleans or null, in any case.
constexpr std::array<std::string_view, 9> kReserved = {"y",   "n",    "yes",   "no",  "on",
                                                       "off", "true", "false", "null"};

// Starting with a letter keeps a plain scalar from being a number, a date or an indicator.
bool is_plain(std::string_view text) {
  if (text.empty() || !is_ascii_alpha(text.front()) || text.back() == ' ' || text.back() == ':') {
    return false;
  }
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  const auto is_word = [&](std::string_view word) { return equals_ignoring_case(word, text); };
  return std::ranges::all_of(text, printable) && text.find(": ") == std::string_view::npos &&
         text.find(" #") == std::string_view::npos && std::ranges::none_of(kReserved, is_word);
}

// JSON's quotes, with escapes for the code points that YAML does not count as printable or takes
// for line breaks: DEL, C1, U+2028, U+2029, U+FEFF, U+FFFE, U+FFFF.
std::string quoted(const std::string& text) {
  const std::string json = render_json(Json(text));
  std::string out;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const auto byte = [&](std::size_t at) {
      return i + at < json.size() ? static_cast<unsigned char>(json[i + at]) : 0U;
    };
    const std::string_view rest = std::string_view(json).substr(i, 3);
    if (byte(0) == 0x7f) {
      out += "\\u007f";
    } else if (byte(0) == 0xc2 && byte(1) < 0xa0) {
      out += fmt::format("\\u{:04x}", byte(1));
      i += 1;
    } else if (rest == "\u2028" || rest == "\u2029" || rest == "\ufeff" || rest == "\xef\xbf\xbe" ||
               rest == "\xef\xbf\xbf") {
      const unsigned code = (byte(0) & 0x0fU) << 12U | (byte(1) & 0x3fU) << 6U | (byte(2) & 0x3fU);
      out += fmt::format("\\u{:04x}", code);
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

std::string scalar(const std::string& text) {
  return is_plain(text) ? text : quoted(text);
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

std::string inline_text(const Json& value) {
  return value.is_string() ? scalar(value.get_ref<const std::string&>()) : render_json(value);
}

void write_block(const Json& value, std::size_t indent, std::string& out) {
  const std::string margin(indent, ' ');
  if (value.is_object()) {
    for (const auto& [key, item] : value.items()) {
      out += margin + scalar(key) + ":";
      if (is_block(item)) {
        out += '\n';
        write_block(item, item.is_array() ? indent : indent + 2, out);
      } else {
        out += " " + inline_text(item) + "\n";
      }
    }
    return;
  }
  for (const Json& item : value) {
    if (is_block(item)) {
      std::string block;
      write_block(item, indent + 2, block);
      out += margin + "- " + block.substr(indent + 2);
    } else {
      out += margin + "- " + inline_text(item) + "\n";
    }
  }
}

}  // namespace

std::string render_yaml(const Json& value) {
  if (!is_block(value)) return inline_text(value) + "\n";
  std::string out;
  write_block(value, 0, out);
  return out;
}

}  // namespace rage::codec
