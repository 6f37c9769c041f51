// gRPC's framing of messages: a flag, a length of four bytes, the message
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rage::rpc {

// Value. Pure.
class MessageReader final {
 public:
  enum class State {
    kMessage,     // `message` holds one, until the next call.
    kMore,        // All bytes are used, none is whole.
    kTooLarge,    // A message claims more than the limit.
    kCompressed,  // Nobody has offered to understand that.
  };

  explicit MessageReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // Takes from the front of `in` what it uses. After kTooLarge or kCompressed there is no going on.
  State next(std::string_view& in, std::string_view& message);
  // In the middle of a message.
  bool partial() const { return !kept_.empty(); }

 private:
  std::size_t bytes_max_;
  std::string kept_;    // Of a message that came in pieces, its prefix included.
  bool given_ = false;  // kept_ is what the last call gave.
};

// A message as it goes over the wire, at most 4 GiB - 1.
void append_message(std::string_view message, std::string& out);

}  // namespace rage::rpc
