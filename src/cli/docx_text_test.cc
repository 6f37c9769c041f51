#include "cli/docx_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "cli/docx_for_test.h"
#include "cli/zip_member.h"

namespace rage::cli {
namespace {

using testing::HasSubstr;

std::string paragraph(const std::string& text, const std::string& properties = {}) {
  return "<w:p><w:pPr>" + properties + "</w:pPr><w:r><w:t>" + text + "</w:t></w:r></w:p>";
}

// Raw deflate of what is easily packed.
std::string deflated(std::size_t bytes) {
  const std::string plain(bytes, 'a');
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(::deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

TEST(DocxText, KeepsHeadingsListsAndTables) {
  const std::string cells = "<w:tbl><w:tr><w:tc>" + paragraph("what") + "</w:tc><w:tc>" +
                            paragraph("a|b") + "</w:tc></w:tr><w:tr><w:tc>" + paragraph("one") +
                            paragraph("more") + "</w:tc><w:tc>" + paragraph("1") +
                            "</w:tc></w:tr></w:tbl>";
  const auto text = read_docx(docx_for_test(
      paragraph("Shop", "<w:pStyle w:val=\"Titel\"/>") +
      paragraph("Prices &amp; more", "<w:pStyle w:val=\"berschrift2\"/>") +
      "<w:p><w:r><w:t>Split </w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r>"
      "<w:t>run</w:t><w:tab/><w:t>s.</w:t></w:r></w:p>" +
      paragraph("first", "<w:numPr><w:ilvl w:val=\"0\"/></w:numPr>") +
      paragraph("nested", "<w:numPr><w:ilvl w:val=\"1\"/></w:numPr>") + cells +
      "<mc:AlternateContent><mc:Fallback>" + paragraph("twice") +
      "</mc:Fallback></mc:AlternateContent>"));
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "# Shop\n\n## Prices & more\n\nSplit run s.\n\n- first\n  - nested\n\n"
            "| what | a\\|b |\n| --- | --- |\n| one more | 1 |");
}

TEST(DocxText, SaysWhatIsWrong) {
  const auto message = [](const std::string& bytes) { return read_docx(bytes).error().message; };
  EXPECT_THAT(message("%PDF"), HasSubstr("not a ZIP archive"));
  EXPECT_EQ(message(zip_for_test({{"xl/workbook.xml", "x"}})), "not a Word document");
  EXPECT_THAT(message(zip_for_test({{"word/document.xml", "<w:document"}})), HasSubstr("damaged"));
  EXPECT_THAT(message(zip_for_test({{"word/document.xml", "garbage"}}, 8)), HasSubstr("damaged"));
  std::string whole = docx_for_test(paragraph("x"));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_FALSE(read_docx(whole.substr(0, size)));
  }
}

// A hundred kilobytes of somebody's mail must not become gigabytes of memory.
TEST(DocxText, BombsDoNotGoOff) {
  const std::string bomb = zip_for_test({{"word/document.xml", deflated(4 << 20)}}, 8);
  EXPECT_LT(bomb.size(), 10'000U);
  EXPECT_EQ(read_zip_member(bomb, "word/document.xml", 1 << 20).error().code,
            ErrorCode::kResourceExhausted);
  EXPECT_EQ(read_zip_member(bomb, "word/document.xml", 4 << 20)->size(), std::size_t{4} << 20);
  const std::string laughs = zip_for_test(
      {{"word/document.xml",
        "<!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><d><p><t>&b;</t></p></d>"}});
  EXPECT_FALSE(read_docx(laughs));
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "<w:tbl><w:tr><w:tc>";
  EXPECT_FALSE(read_docx(docx_for_test(deep)));
}

}  // namespace
}  // namespace rage::cli
