#include "kubeobjects/detail/protobuf_wire.h"

namespace rage::kubeobjects::detail {
namespace {

constexpr unsigned kVarintBytesMax = 10;

std::unexpected<Error> cut_off() {
  return fail(ErrorCode::kInvalidArgument, "the message is cut off");
}

}  // namespace

Result<std::uint64_t> WireReader::varint() {
  std::uint64_t value = 0;
  for (unsigned at = 0; at < kVarintBytesMax && at < rest_.size(); ++at) {
    const auto byte = static_cast<unsigned char>(rest_[at]);
    value |= std::uint64_t{byte & 0x7FU} << (7 * at);
    if ((byte & 0x80U) != 0) continue;
    rest_.remove_prefix(at + 1);
    return value;
  }
  return cut_off();
}

Result<std::string_view> WireReader::take(std::uint64_t bytes) {
  if (bytes > rest_.size()) return cut_off();
  const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(bytes));
  rest_.remove_prefix(taken.size());
  return taken;
}

Result<WireField> WireReader::next() {
  ASSIGN_OR_RETURN(const std::uint64_t tag, varint());
  WireField field{.number = static_cast<std::uint32_t>(tag >> 3),
                  .type = static_cast<WireField::Type>(tag & 7)};
  switch (field.type) {
    case WireField::Type::kVarint: {
      ASSIGN_OR_RETURN(field.value, varint());
      return field;
    }
    case WireField::Type::kFixed64: {
      ASSIGN_OR_RETURN(field.bytes, take(8));
      for (std::size_t at = 8; at > 0; --at) {
        field.value = field.value << 8 | static_cast<unsigned char>(field.bytes[at - 1]);
      }
      return field;
    }
    case WireField::Type::kBytes: {
      ASSIGN_OR_RETURN(const std::uint64_t size, varint());
      ASSIGN_OR_RETURN(field.bytes, take(size));
      return field;
    }
    case WireField::Type::kFixed32: {
      ASSIGN_OR_RETURN(field.bytes, take(4));
      return field;
    }
  }
  return fail(ErrorCode::kInvalidArgument, "wire type {} is not known", tag & 7);
}

}  // namespace rage::kubeobjects::detail
