#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rag/backup.h"
#include "rag/tar.h"

// What a backup's bytes reach: headers, and the manifest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (size >= rag::kTarBlock) {
    const auto entry = rag::parse_tar_header(text.substr(0, rag::kTarBlock));
    if (entry && *entry) {
      CHECK(!(*entry)->name.empty() && (*entry)->name.find("..") == std::string::npos);
      CHECK(((*entry)->bytes + rag::tar_padding((*entry)->bytes)) % rag::kTarBlock == 0);
    }
  }
  if (const auto indexes = rag::parse_backup_manifest(text)) {
    for (const rag::BackedUpIndex& index : *indexes) CHECK(index.sha256.size() == 64);
  }
  return 0;
}
