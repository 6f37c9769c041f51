#include "assistant/page_theme.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "assistant/page_files.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/yaml.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::uint64_t kFileBytesMax = 1 << 20;
constexpr std::uint64_t kLogoBytesMax = 256 << 10;
constexpr std::size_t kTextBytesMax = 2000;
constexpr std::size_t kExamplesMax = 12;
constexpr double kContrastMin = 4.5;

constexpr std::string_view kColours[] = {
    "background", "raised", "asked", "line", "text", "quiet", "accent",   "accent-text",
    "second",     "good",   "warn",  "bad",  "link", "mark",  "mark-text"};
// What is written on what.
constexpr std::pair<std::string_view, std::string_view> kReadOn[] = {
    {"text", "background"},   {"text", "raised"},    {"text", "asked"},
    {"quiet", "background"},  {"quiet", "raised"},   {"quiet", "asked"},
    {"link", "background"},   {"link", "raised"},    {"accent", "background"},
    {"good", "raised"},       {"warn", "raised"},    {"bad", "raised"},
    {"warn", "background"},   {"bad", "background"}, {"mark-text", "mark"},
    {"accent-text", "accent"}};

using Colours = std::map<std::string, std::string, std::less<>>;

bool is_colour(std::string_view text) {
  return text.size() == 7 && text[0] == '#' && std::ranges::all_of(text.substr(1), [](char c) {
           return is_ascii_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

// 0 to 1.
double luminance(std::string_view colour) {
  const auto channel = [&](std::size_t at) {
    const double value = std::stoi(std::string(colour.substr(at, 2)), nullptr, 16) / 255.0;
    return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

// The page's own colours: the block of app.css that begins with `selector`.
Colours own_colours(std::string_view selector) {
  Colours colours;
  const auto files = page_files();
  const auto sheet = std::ranges::find(files, "app.css", &PageFile::name);
  if (sheet == files.end()) return colours;
  const std::size_t begin = sheet->bytes.find(selector);
  if (begin == std::string_view::npos) return colours;
  const std::string_view block = sheet->bytes.substr(begin, sheet->bytes.find('}', begin) - begin);
  for (const std::string_view line : split(block, '\n')) {
    const std::string_view rule = trim(line);
    const std::size_t colon = rule.find(": ");
    if (!rule.starts_with("--") || !rule.ends_with(';') || colon == std::string_view::npos)
      continue;
    colours.emplace(rule.substr(2, colon - 2), rule.substr(colon + 2, rule.size() - colon - 3));
  }
  return colours;
}

Result<void> check_contrast(std::string_view scheme, const Colours& given,
                            std::string_view selector) {
  Colours all = own_colours(selector);
  for (const auto& [name, colour] : given) all[name] = colour;
  for (const auto& [text, background] : kReadOn) {
    const auto over = all.find(text);
    const auto under = all.find(background);
    if (over == all.end() || under == all.end()) continue;
    const double contrast = contrast_of(over->second, under->second);
    if (contrast >= kContrastMin) continue;
    return fail(ErrorCode::kInvalidArgument,
                "colours.{}: {} {} on {} {} has a contrast of {:.1f}; to be readable it needs {}",
                scheme, text, over->second, background, under->second, contrast, kContrastMin);
  }
  return {};
}

Result<Colours> parse_colours(std::string_view scheme, const Json& map) {
  if (!map.is_object()) {
    return fail(ErrorCode::kInvalidArgument, "colours.{} is no map of colours", scheme);
  }
  Colours colours;
  for (const auto& [name, value] : map.items()) {
    if (std::ranges::find(kColours, name) == std::end(kColours)) {
      return fail(ErrorCode::kInvalidArgument, "colours.{}: there is no colour {}; there are {}",
                  scheme, name, fmt::join(kColours, ", "));
    }
    const std::string colour = value.is_string() ? value.get<std::string>() : "";
    if (!is_colour(colour)) {
      return fail(ErrorCode::kInvalidArgument, "colours.{}.{}: write it as \"#rrggbb\"", scheme,
                  name);
    }
    colours[name] = colour;
  }
  return colours;
}

Result<std::string> css_of(const Json& schemes) {
  if (!schemes.is_object()) return fail(ErrorCode::kInvalidArgument, "colours is no map");
  std::string css;
  for (const auto& [scheme, map] : schemes.items()) {
    if (scheme != "dark" && scheme != "light") {
      return fail(ErrorCode::kInvalidArgument, "colours has no {}; it has dark and light", scheme);
    }
    const std::string_view selector = scheme == "dark" ? ":root" : ":root[data-theme=\"light\"]";
    ASSIGN_OR_RETURN(const auto colours, parse_colours(scheme, map));
    RETURN_IF_ERROR(check_contrast(scheme, colours, std::string(selector) + " {"));
    css += fmt::format("{} {{", selector);
    for (const auto& [name, colour] : colours) css += fmt::format(" --{}: {};", name, colour);
    css += " }\n";
  }
  return css;
}

Result<std::string> text_of(std::string_view key, const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kTextBytesMax) {
    return fail(ErrorCode::kInvalidArgument, "{} is no text of at most {} bytes", key,
                kTextBytesMax);
  }
  return value.get<std::string>();
}

Result<Json> texts_of(const Json& map) {
  if (!map.is_object()) return fail(ErrorCode::kInvalidArgument, "texts is no map of texts");
  for (const auto& [key, value] : map.items()) {
    RETURN_IF_ERROR(text_of("texts." + key, value));
  }
  return map;
}

Result<Json> examples_of(const Json& list) {
  if (!list.is_array() || list.size() > kExamplesMax) {
    return fail(ErrorCode::kInvalidArgument, "examples is no list of at most {} questions",
                kExamplesMax);
  }
  for (const Json& example : list) RETURN_IF_ERROR(text_of("examples", example));
  return list;
}

Result<void> take(PageTheme& theme, const std::string& key, const Json& value) {
  if (key == "title" || key == "heading" || key == "language") {
    ASSIGN_OR_RETURN(theme.words[key], text_of(key, value));
  } else if (key == "logo") {
    ASSIGN_OR_RETURN(theme.logo_file, text_of(key, value));
  } else if (key == "texts" && value.is_string()) {
    theme.texts_file = value.get<std::string>();
  } else if (key == "texts") {
    ASSIGN_OR_RETURN(theme.words[key], texts_of(value));
  } else if (key == "examples") {
    ASSIGN_OR_RETURN(theme.words[key], examples_of(value));
  } else if (key == "colours") {
    ASSIGN_OR_RETURN(theme.css, css_of(value));
  } else {
    return fail(
        ErrorCode::kInvalidArgument,
        "a theme has no {}; it has title, heading, logo, language, texts, examples, colours", key);
  }
  return {};
}

std::string type_of(const std::filesystem::path& file) {
  const std::string extension = to_lower_ascii(file.extension().string());
  if (extension == ".svg") return "image/svg+xml";
  if (extension == ".png") return "image/png";
  if (extension == ".webp") return "image/webp";
  return {};
}

}  // namespace

double contrast_of(std::string_view one, std::string_view other) {
  const double first = luminance(one);
  const double second = luminance(other);
  return (std::max(first, second) + 0.05) / (std::min(first, second) + 0.05);
}

Result<PageTheme> parse_theme(std::string_view text) {
  ASSIGN_OR_RETURN(const Json file, codec::parse_yaml(text, {.bytes_max = kFileBytesMax}));
  if (!file.is_object()) return fail(ErrorCode::kInvalidArgument, "a theme is a map");
  PageTheme theme;
  for (const auto& [key, value] : file.items()) RETURN_IF_ERROR(take(theme, key, value));
  return theme;
}

Result<PageTheme> load_theme(const std::filesystem::path& file) {
  const auto read = [&](const std::string& name, std::uint64_t most) -> Result<std::string> {
    return read_file(file.parent_path() / name, most);
  };
  ASSIGN_OR_RETURN(const std::string text, read_file(file, kFileBytesMax));
  auto theme = parse_theme(text);
  if (!theme) return fail(std::move(theme).error().with_context("theme " + file.string()));
  if (!theme->texts_file.empty()) {
    ASSIGN_OR_RETURN(const std::string texts, read(theme->texts_file, kFileBytesMax));
    ASSIGN_OR_RETURN(const Json map, codec::parse_yaml(texts, {.bytes_max = kFileBytesMax}));
    ASSIGN_OR_RETURN(theme->words["texts"], texts_of(map));
  }
  if (!theme->logo_file.empty()) {
    theme->logo_type = type_of(theme->logo_file);
    if (theme->logo_type.empty()) {
      return fail(ErrorCode::kInvalidArgument, "theme {}: logo {} is no .svg, .png or .webp",
                  file.string(), theme->logo_file);
    }
    ASSIGN_OR_RETURN(theme->logo, read(theme->logo_file, kLogoBytesMax));
    theme->words["logo"] = true;
  }
  return theme;
}

}  // namespace rage::assistant
