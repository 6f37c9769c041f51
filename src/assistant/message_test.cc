#include "assistant/message.h"

#include <gtest/gtest.h>

#include <chrono>

#include "assistant/export.h"
#include "assistant/sentence_buffer.h"

namespace rage::assistant {
namespace {

// The demo's agent reads what we write: another shape would lose it the conversation.
TEST(Message, RecordsHaveTheDemosShape) {
  EXPECT_EQ(render_record({.role = kUser, .text = "Hi"}),
            R"({"type":"message","role":"user","contents":[{"type":"text","text":"Hi",)"
            R"("additional_properties":{}}],"additional_properties":{}})");
  EXPECT_EQ(render_record({.role = kAssistant, .text = "Yes"}),
            R"({"type":"message","role":"assistant","contents":[{"type":"text","text":"Yes",)"
            R"("additional_properties":{}}],"author_name":"AI Agent","additional_properties":{}})");
  EXPECT_EQ(render_record({.role = kAssistant, .text = ""}),
            R"({"type":"message","role":"assistant","contents":[],"author_name":"AI Agent",)"
            R"("additional_properties":{}})");
}

// Conversations that older agents began must open.
TEST(Message, ReadsEveryFormOfRecord) {
  struct Case {
    const char* record;
    std::optional<Message> message;
  };
  const Case cases[] = {
      {R"({"role":"user","contents":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})",
       Message{.role = "user", .text = "a"}},
      {R"({"role":{"value":"assistant"},"contents":[{"type":"text","text":"a"}]})",
       Message{.role = "assistant", .text = "a"}},
      {R"({"role":{"type":"role","value":"user"},"content":"flat"})",
       Message{.role = "user", .text = "flat"}},
      {R"({"role":"assistant","contents":[]})", Message{.role = "assistant", .text = ""}},
      {R"({"role":"user"})", std::nullopt},
      {R"({"contents":[]})", std::nullopt},
      {R"({"role":7,"content":"x"})", std::nullopt},
      {"[1]", std::nullopt},
      {"not json", std::nullopt},
  };
  for (const Case& c : cases) EXPECT_EQ(parse_record(c.record), c.message) << c.record;
}

TEST(Message, TimesAndTitles) {
  const WallTime time{std::chrono::milliseconds(1772733600250)};
  EXPECT_EQ(render_timestamp(time), "2026-03-05T18:00:00.250Z");
  EXPECT_EQ(title_of("  When\n does it \t start? "), "When does it start?");
  EXPECT_EQ(title_of(std::string(100, 'x')), std::string(60, 'x') + "\u2026");
}

// Text that vanished between two events would be a hole in the answer.
TEST(SentenceBuffer, PassesWholeSentencesAndLosesNothing) {
  const std::string text =
      "Dr. Who speaks at 3.30 p.m. in Room 101. It is free! Bring:\n- a pen\n- paper\nThat is all";
  SentenceBuffer buffer;
  std::vector<std::string> pieces;
  for (const char c : text) {
    if (std::string piece = buffer.feed({&c, 1}); !piece.empty()) pieces.push_back(piece);
  }
  pieces.push_back(buffer.finish());
  std::string joined;
  for (const std::string& piece : pieces) joined += piece;
  EXPECT_EQ(joined, text);
  ASSERT_GE(pieces.size(), 4U);
  EXPECT_TRUE(pieces[0].starts_with("Dr. Who speaks at 3.30 p.m. in Room 101.")) << pieces[0];
  EXPECT_EQ(buffer.finish(), "");
}

TEST(SentenceBuffer, LosesPatienceWithTextWithoutEnd) {
  SentenceBuffer buffer;
  std::string passed;
  for (int i = 0; i < 400; ++i) passed += buffer.feed("word ");
  EXPECT_GT(passed.size(), 900U);
}

// A title or an address from outside must not become markup of the exported file.
TEST(Export, MarkdownKeepsLinksToWhatIsOne) {
  const SessionInfo session{.id = "s", .title = "Line\nbreak [x]"};
  Message answer{.role = kAssistant, .text = "Yes."};
  answer.extras = {{"timestamp", "2026-03-05T18:00:00.000Z"},
                   {"grounding",
                    {{"citations",
                      {{{"number", 1}, {"title", "A [b]"}, {"url", "https://e.org/a"}},
                       {{"number", 2}, {"title", "Bad"}, {"url", "javascript:alert(1)"}}}}}}};
  const std::string text = export_markdown(session, std::vector<Message>{answer});
  EXPECT_NE(text.find("# Line break \\[x\\]\n"), std::string::npos) << text;
  EXPECT_NE(text.find("1. [A \\[b\\]](https://e.org/a)"), std::string::npos) << text;
  EXPECT_NE(text.find("2. Bad\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("javascript"), std::string::npos);
}

}  // namespace
}  // namespace rage::assistant
