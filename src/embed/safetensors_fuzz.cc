#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "embed/safetensors.h"

// Whatever is accepted must lie inside the file that was claimed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(bytes), size);
  if (const auto tensors = rage::embed::parse_safetensors_header(file, size)) {
    for (const auto& [name, tensor] : *tensors) {
      CHECK(tensor.offset <= size && tensor.bytes <= size - tensor.offset);
    }
  }
  return 0;
}
