// How the page looks and speaks for one conference or company: a file, JSON or YAML.
//
//   title: Example Days            # Of the window.
//   heading: EXAMPLE DAYS          # Above everything.
//   logo: logo.svg                 # SVG, PNG or WebP beside the file; at most 256 KiB.
//   language: de                   # BCP 47, of the texts.
//   texts: texts.de.json           # What the page says, keys as in web/texts/en.json; or a map.
//   examples: [What is on at ten?]
//   colours: {dark: {accent: "#00ff41"}, light: {accent: "#0b6b29"}}
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"

namespace rage::assistant {

// Value.
struct PageTheme {
  // {"title","heading","language","texts":{},"examples":[],"logo":bool}, each only if given.
  codec::Json words = codec::Json::object();
  std::string css;  // Colours, as a style sheet; empty: the page's own.
  std::string logo;
  std::string logo_type;  // "image/svg+xml"
  // Files beside it that parse_theme() cannot read itself; empty: none.
  std::string logo_file;
  std::string texts_file;
};

// Pure. kInvalidArgument: no such form, an unknown key or colour, or a text that cannot be read on
// its background (contrast below 4.5:1, WCAG 2.2, 1.4.3); it says which.
Result<PageTheme> parse_theme(std::string_view text);

// The file and those it names. kNotFound, kInvalidArgument.
Result<PageTheme> load_theme(const std::filesystem::path& file);

// Of two colours "#rrggbb": 1 to 21 (WCAG 2.2, "contrast ratio"). Pure.
double contrast_of(std::string_view one, std::string_view other);

}  // namespace rage::assistant
