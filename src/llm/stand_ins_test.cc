#include "llm/stand_ins.h"

#include <gtest/gtest.h>

namespace rage::llm {
namespace {

// Who reads an answer must learn that another model gave it, without a question before each.
TEST(StandIns, AreAskedForOnceAndFoundByTheModelsName) {
  int asked = 0;
  StandIns stand_ins([&](const Context&) -> Result<std::vector<ModelInfo>> {
    ++asked;
    return std::vector<ModelInfo>{{.id = "phi-4", .stand_in = "phi-4 -> packaged:small"},
                                  {.id = "real"}};
  });
  EXPECT_EQ(stand_ins.find({}, "phi-4"), "phi-4 -> packaged:small");
  EXPECT_EQ(stand_ins.find({}, "real"), "");
  EXPECT_EQ(stand_ins.find({}, "unknown"), "");
  EXPECT_EQ(asked, 1);
}

TEST(StandIns, AServerOfOneModelAnswersToAnyNameAndASilentOneToNone) {
  StandIns one([](const Context&) -> Result<std::vector<ModelInfo>> {
    return std::vector<ModelInfo>{{.id = "phi-4", .stand_in = "phi-4 -> packaged:small"}};
  });
  EXPECT_EQ(one.find({}, "whatever"), "phi-4 -> packaged:small");
  int asked = 0;
  StandIns silent([&](const Context&) -> Result<std::vector<ModelInfo>> {
    ++asked;
    return fail(ErrorCode::kUnavailable, "down");
  });
  EXPECT_EQ(silent.find({}, "phi-4"), "");
  EXPECT_EQ(silent.find({}, "phi-4"), "");
  EXPECT_EQ(asked, 1);
}

TEST(StandIns, AreReadOutOfTagsAndWrittenIntoThem) {
  const std::string tag = render_stand_in_tag("a,b -> c");
  EXPECT_EQ(tag, "rage.dev/substituted-model=a b -> c");  // Commas separate tags.
  EXPECT_EQ(stand_in_of({{"id", "m"}, {"tags", {"fast", tag}}}), "a b -> c");
  EXPECT_EQ(stand_in_of({{"id", "m"}, {"tags", {7, nullptr}}}), "");
  EXPECT_EQ(stand_in_of({{"id", "m"}, {"tags", "fast"}}), "");
  EXPECT_EQ(stand_in_of(nullptr), "");
}

}  // namespace
}  // namespace rage::llm
