#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rag/backup.h"
#include "rag/tar.h"

namespace {

using namespace rage;

void check_header(std::string_view block) {
  const auto entry = rag::parse_tar_header(block);
  if (!entry || !*entry) return;
  CHECK(!(*entry)->name.empty() && (*entry)->name.find("..") == std::string::npos);
  CHECK(((*entry)->bytes + rag::tar_padding((*entry)->bytes)) % rag::kTarBlock == 0);
}

// No mutator finds a sum by itself.
std::string with_checksum(std::string block) {
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  return block.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
}

}  // namespace

// What a backup's bytes reach: headers, and the manifest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (size >= rag::kTarBlock) {
    const std::string_view block = text.substr(0, rag::kTarBlock);
    check_header(block);
    check_header(with_checksum(std::string(block)));
  }
  if (const auto indexes = rag::parse_backup_manifest(text)) {
    for (const rag::BackedUpIndex& index : *indexes) CHECK(index.sha256.size() == 64);
  }
  return 0;
}
