// Protobuf's wire format, one field after the other. Pure.
// Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace rage::kubeobjects::detail {

struct WireField {
  enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  std::uint32_t number = 0;
  Type type = Type::kVarint;
  std::uint64_t value = 0;  // Of kVarint and kFixed64.
  std::string_view bytes = {};
};

// Value. Borrows the bytes.
class WireReader final {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  bool done() const { return rest_.empty(); }
  // kInvalidArgument: cut off, or a wire type that nothing here uses.
  Result<WireField> next();
  Result<std::uint64_t> varint();

 private:
  Result<std::string_view> take(std::uint64_t bytes);

  std::string_view rest_;
};

}  // namespace rage::kubeobjects::detail
