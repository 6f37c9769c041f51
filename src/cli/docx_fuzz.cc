#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "cli/docx_for_test.h"
#include "cli/docx_text.h"
#include "cli/zip_member.h"
#include "text/unicode.h"

// As an archive, as the XML in one, and as packed bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kBytesMax = 1 << 20;
  for (const char* name : {"word/document.xml", "a"}) {
    const auto member = cli::read_zip_member(bytes, name, kBytesMax);
    CHECK(!member || member->size() <= kBytesMax);
  }
  static_cast<void>(cli::read_docx(bytes));
  for (const auto& archive :
       {cli::docx_for_test(bytes), cli::zip_for_test({{"word/document.xml", bytes}}, 8)}) {
    const auto text = cli::read_docx(archive);
    CHECK(!text || text::is_valid_utf8(*text));
  }
  return 0;
}
