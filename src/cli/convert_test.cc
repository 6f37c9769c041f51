#include "cli/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::cli {
namespace {

using testing::HasSubstr;

ConvertOptions by(std::vector<std::string> program) {
  return {.docx_program = std::move(program)};
}

TEST(Convert, TakesWhatTheConverterSays) {
  const auto word = convert_document({}, "a.DOCX", "# Title\n", by({"cat"}));
  ASSERT_TRUE(word) << word.error().message;
  EXPECT_EQ(word->text, "# Title");
  EXPECT_TRUE(word->markdown);
  EXPECT_EQ(convert_document({}, "a.docx", "one\ftwo\f", by({"cat"}))->text, "one\n\ntwo");
  EXPECT_EQ(convert_document({}, "a.docx", "a\xff", by({"cat"}))->text, "a\xef\xbf\xbd");
}

TEST(Convert, NamesAreKnownByTheirEnding) {
  EXPECT_TRUE(is_convertible_name("a/B.PDF"));
  EXPECT_TRUE(is_convertible_name("b.docx"));
  EXPECT_FALSE(is_convertible_name("b.doc"));
  EXPECT_FALSE(is_convertible_name("pdf"));
}

// "exit code 1" helps nobody who looks for the file that is broken.
TEST(Convert, SaysWhyADocumentCannotBeRead) {
  const auto broken = convert_document(
      {}, "a.docx", "x",
      by({"sh", "-c", "echo 'Syntax Warning: odd' >&2; echo 'rage: no good' >&2; exit 1"}));
  EXPECT_EQ(broken.error().message, "no good");
  EXPECT_EQ(broken.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(convert_document({}, "a.docx", " \n\f", by({"cat"})).error().message,
              HasSubstr("no text"));
  const auto absent = convert_document({}, "a.pdf", "x", {.pdf_program = "no-such-pdftotext"});
  EXPECT_EQ(absent.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(absent.error().message, HasSubstr("poppler-utils"));
}

// One document that never ends must not keep the others waiting, or fill the disk.
TEST(Convert, HasLimits) {
  ConvertOptions hanging = by({"sleep", "60"});
  hanging.time_max = std::chrono::milliseconds(20);
  EXPECT_EQ(convert_document({}, "a.docx", "x", hanging).error().code,
            ErrorCode::kDeadlineExceeded);
  ConvertOptions endless = by({"yes"});
  endless.text_bytes_max = 1 << 16;
  EXPECT_EQ(convert_document({}, "a.docx", "x", endless).error().code,
            ErrorCode::kResourceExhausted);
  std::stop_source stopped;
  stopped.request_stop();
  Context context;
  context.stop = stopped.get_token();
  EXPECT_EQ(convert_document(context, "a.docx", "x", by({"cat"})).error().code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace rage::cli
