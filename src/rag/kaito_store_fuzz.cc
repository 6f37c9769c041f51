#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rag/kaito_store.h"

// Any bytes: documents or an error; no document is much larger than what was read.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const auto documents = rag::parse_kaito_docstore({reinterpret_cast<const char*>(bytes), size});
  if (!documents) return 0;
  for (const rag::StoredDocument& stored : *documents) {
    CHECK(stored.document.metadata.is_object());
    CHECK(stored.document.text.size() <= size * 3 + size * 4096);
  }
  return 0;
}
