// Finds top-level fields of a JSON object while its bytes still arrive: what a body-based router
// needs is often in the first chunk, and the rest need not be held back (GIE's body-based router).
// Reads strict JSON (RFC 8259): UTF-8, no more than 64 levels, nothing after the object.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace rage::payload {

// Resource. One thread. Memory is bounded by the wanted values, never by the body.
class FieldScanner {
 public:
  static constexpr std::size_t kValueBytesMax = std::size_t{64} << 10;

  // `fields`: names of top-level members. A duplicate member: the last one wins, so found early
  // does not mean final; done() is true only at the end of the object unless kFirstWins.
  // kRefused: a second one is an error of feed(), even if both say the same: whoever reads the body
  // next could believe the other one.
  enum class Duplicates { kLastWins, kFirstWins, kRefused };
  static std::unique_ptr<FieldScanner> create(std::vector<std::string> fields,
                                              Duplicates duplicates);
  virtual ~FieldScanner() = default;

  // kInvalidArgument once the bytes cannot be a JSON object any more; kResourceExhausted for a
  // value that is too long. After an error there is only that error.
  virtual Result<void> feed(std::string_view bytes) = 0;
  // No more bytes: kInvalidArgument if the object is not complete.
  virtual Result<void> finish() = 0;
  // Every wanted field was seen (kFirstWins), or the object is complete.
  virtual bool done() const = 0;
  // Strings are unescaped (a lone surrogate becomes U+FFFD); everything else as written, null too.
  // None: absent (so far). Values over 64 KiB, as written, are an error of feed().
  virtual std::optional<std::string> value(std::string_view field) const = 0;
};

}  // namespace rage::payload
