#include "kubeobjects/canonical_quantity.h"

#include <cstddef>
#include <cstdint>

#include "base/check.h"

// The canonical form is its own: read back and written again, nothing changes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using rage::kubeobjects::canonical_quantity;
  const std::string once =
      canonical_quantity(std::string_view(reinterpret_cast<const char*>(bytes), size));
  CHECK(canonical_quantity(once) == once);
  return 0;
}
