// Reads MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) token by token:
// no tree, no recursion, no memory of its own.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace rage::codec {

// Value; borrows the bytes. Its size is that of the text, or the number of values inside.
struct MsgpackToken {
  enum class Kind {
    kNil,
    kBool,
    kUnsigned,
    kNegative,
    kDouble,
    kText,
    kBytes,
    kArray,
    kMap,
    kOther
  };
  Kind kind = Kind::kNil;
  std::uint64_t number = 0;  // kBool: 0 or 1; kUnsigned; kNegative: in two's complement.
  double real = 0;           // kDouble
  std::string_view text;     // kText (not checked for UTF-8), kBytes; kOther: an extension.
  std::uint32_t count = 0;   // kArray: values; kMap: pairs.
};

// Value. Borrows the bytes. Copying it is how to look ahead.
class MsgpackReader final {
 public:
  explicit MsgpackReader(std::string_view bytes) : rest_(bytes) {}

  // kInvalidArgument: the bytes end, or are none of MessagePack's. A count is never larger than
  // what could still follow, so it is safe to reserve for it.
  Result<MsgpackToken> next();
  // The next value, with everything inside.
  Result<void> skip();
  bool at_end() const { return rest_.empty(); }

 private:
  Result<std::uint64_t> big_endian(std::size_t bytes);
  Result<MsgpackToken> bytes_of(MsgpackToken::Kind kind, std::uint64_t size);
  Result<MsgpackToken> container(MsgpackToken::Kind kind, std::uint64_t count);
  Result<MsgpackToken> whole(std::size_t bytes);
  Result<MsgpackToken> signed_whole(std::size_t bytes);
  Result<MsgpackToken> real(std::size_t bytes);
  Result<MsgpackToken> extension(std::size_t size_bytes);

  std::string_view rest_;
};

}  // namespace rage::codec
