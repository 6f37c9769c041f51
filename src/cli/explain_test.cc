#include "cli/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

codec::Json a_trace() {
  return *codec::parse_json(R"({"id":"a1","index_name":"talks","question":"Where is it?",
    "standalone_question":"Where is it? Tectonix","mode":"model","policy":"strict",
    "sufficiency":0.91,"answer":"Tectonix is in Room 5. [1]","finding":"records",
    "constraints":["title: Tectonix"],
    "sentences":[{"text":"It is in Room 9.","verdict":"unsupported","shown":false,
                  "reason":"the sources do not mention Room 9"},
                 {"text":"It begins at 10:00.","verdict":"partly","shown":true,"dropped":"on Mars",
                  "reason":"the sources do not mention Mars"}],
    "candidates":[{"title":"Tectonix","score":1,"dense_score":0.7,"used":true,"why":"used"},
                  {"title":"Mars","score":0.2,"used":false,"why":"others fit better"}],
    "prompt":[{"role":"system","content":"You answer from sources."}]})");
}

// Whoever doubts an answer wants its reasons on one screen.
TEST(RenderExplanation, TellsWhatWasAskedFoundAndDropped) {
  const std::string text = render_explanation(a_trace());
  for (const char* part :
       {"Where is it?", "title: Tectonix", "0.910", "Tectonix is in Room 5. [1]", "dropped",
        "the sources do not mention Room 9", "partly     It begins at 10:00.  without “on Mars”",
        "others fit better", "You answer from sources."}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

// A document in the index must not drive the terminal of whoever looks at it.
TEST(RenderExplanation, LeavesControlCharactersOut) {
  codec::Json trace = a_trace();
  trace["answer"] = "before\x1b[2Jafter\x07";
  EXPECT_THAT(render_explanation(trace), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_explanation(trace), HasSubstr("before[2Jafter\n"));
}

TEST(RenderExplanation, TakesWhateverAServiceSends) {
  for (const char* text : {"null", "[]", "{}", R"({"candidates":5,"sentences":{},"prompt":"x"})"})
    EXPECT_THAT(render_explanation(*codec::parse_json(text)), HasSubstr("question"));
}

}  // namespace
}  // namespace rage::cli
