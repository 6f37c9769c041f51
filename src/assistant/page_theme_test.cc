#include "assistant/page_theme.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"

namespace rage::assistant {
namespace {

using testing::HasSubstr;

// Another conference is a file, not a build.
TEST(PageTheme, ReadsWhatAConferenceGives) {
  const auto theme = parse_theme(
      "title: Example Days\nheading: EXAMPLE\nlanguage: de\nexamples: [Was ist um zehn?]\n"
      "texts: {send: Senden}\ncolours:\n  dark: {accent: \"#ffcc00\", accent-text: \"#000000\"}\n");
  ASSERT_TRUE(theme) << theme.error().message;
  EXPECT_EQ(codec::render_json(theme->words),
            R"({"title":"Example Days","heading":"EXAMPLE","language":"de",)"
            R"("examples":["Was ist um zehn?"],"texts":{"send":"Senden"}})");
  EXPECT_EQ(theme->css, ":root { --accent: #ffcc00; --accent-text: #000000; }\n");
}

TEST(PageTheme, SaysWhatIsWrong) {
  const auto message = [](std::string_view text) {
    const auto theme = parse_theme(text);
    return theme ? std::string("accepted") : theme.error().message;
  };
  EXPECT_THAT(message("colors: {}"), HasSubstr("a theme has no colors; it has title"));
  EXPECT_THAT(message("colours: {dark: {acent: \"#ffffff\"}}"),
              HasSubstr("there is no colour acent"));
  EXPECT_THAT(message("colours: {dark: {accent: \"red;} body{display:none\"}}"),
              HasSubstr("write it as \"#rrggbb\""));
  EXPECT_THAT(message("colours: {blue: {}}"), HasSubstr("it has dark and light"));
  EXPECT_THAT(message("texts: {send: 7}"), HasSubstr("texts.send is no text"));
  EXPECT_THAT(message("examples: x"), HasSubstr("examples is no list"));
  EXPECT_THAT(message("[]"), HasSubstr("a theme is a map"));
}

// A theme that nobody can read must not go live unnoticed.
TEST(PageTheme, UnreadableColoursAreRefused) {
  EXPECT_NEAR(contrast_of("#000000", "#ffffff"), 21, 0.01);
  EXPECT_NEAR(contrast_of("#777777", "#ffffff"), 4.48, 0.01);
  const auto theme = parse_theme("colours: {light: {text: \"#cccccc\"}}");
  ASSERT_FALSE(theme);
  EXPECT_THAT(theme.error().message, HasSubstr("colours.light: text #cccccc on background"));
}

TEST(PageTheme, LogoAndTextsLieBesideTheFile) {
  const auto folder = *TemporaryDirectory::create("rage-theme-");
  const auto put = [&](const char* name, std::string_view bytes) {
    ASSERT_TRUE(write_file_atomically(folder->path() / name, bytes));
  };
  put("theme.yaml", "logo: l.svg\ntexts: de.json\n");
  put("l.svg", "<svg/>");
  put("de.json", R"({"send":"Senden"})");
  const auto theme = load_theme(folder->path() / "theme.yaml");
  ASSERT_TRUE(theme) << theme.error().message;
  EXPECT_EQ(theme->logo, "<svg/>");
  EXPECT_EQ(theme->logo_type, "image/svg+xml");
  EXPECT_EQ(theme->words["texts"]["send"], "Senden");
  put("theme.yaml", "logo: l.exe\n");
  EXPECT_FALSE(load_theme(folder->path() / "theme.yaml"));
  EXPECT_FALSE(load_theme(folder->path() / "nothing.yaml"));
}

}  // namespace
}  // namespace rage::assistant
