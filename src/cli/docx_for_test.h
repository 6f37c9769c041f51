// Word documents for tests and fuzzing: archives whose members are not packed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rage::cli {

inline std::string little_endian_for_test(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xffU);
  return out;
}

// Members with the method that `method` says (0: stored, 8: deflate), whatever their bytes are.
inline std::string zip_for_test(const std::vector<std::pair<std::string, std::string>>& members,
                                int method = 0) {
  const auto number = little_endian_for_test;
  std::string archive;
  std::string directory;
  for (const auto& [name, content] : members) {
    const std::string sizes = number(0, 4) + number(content.size(), 4) + number(content.size(), 4) +
                              number(name.size(), 2) + number(0, 2);
    const std::string head =
        number(20, 2) + number(0, 2) + number(static_cast<std::uint64_t>(method), 2) + number(0, 4);
    directory += "PK\x01\x02" + number(20, 2) + head + sizes + number(0, 2) + number(0, 2) +
                 number(0, 2) + number(0, 4) + number(archive.size(), 4) + name;
    archive += "PK\x03\x04" + head + sizes + name + content;
  }
  return archive + directory + "PK\x05\x06" + number(0, 4) + number(members.size(), 2) +
         number(members.size(), 2) + number(directory.size(), 4) + number(archive.size(), 4) +
         number(0, 2);
}

// `body` is what stands in <w:body>.
inline std::string docx_for_test(std::string_view body) {
  const std::string document =
      "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/"
      "wordprocessingml/2006/main\"><w:body>" +
      std::string(body) + "</w:body></w:document>";
  const std::string styles =
      "<w:styles xmlns:w=\"x\"><w:style w:styleId=\"berschrift2\"><w:name w:val=\"heading 2\"/>"
      "</w:style><w:style w:styleId=\"Titel\"><w:name w:val=\"Title\"/></w:style></w:styles>";
  return zip_for_test({{"word/styles.xml", styles}, {"word/document.xml", document}});
}

}  // namespace rage::cli
