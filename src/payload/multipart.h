// multipart/form-data (RFC 7578): how audio and images are sent. Nothing is copied.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "payload/byte_range.h"

namespace rage::payload {

// Value.
struct FormPart {
  std::string name;
  bool is_file = false;  // It has a file name.
  ByteRange content;     // Of the body.
  bool operator==(const FormPart&) const = default;
};

// True for multipart/form-data, whatever its parameters.
bool is_form(std::string_view content_type);

// The parts in order; at most 1,024, and 8 KiB of headers each.
// Strict: the first boundary begins the body (a line break may stand before it), lines end in CRLF,
// the closing boundary must be there, and no line may begin like a boundary without being one.
// kInvalidArgument otherwise. Thread-safe.
Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body);

}  // namespace rage::payload
