// One member of a ZIP archive (PKWARE's APPNOTE 6.3), read from memory. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::cli {

// The member of exactly that name, unpacked to at most bytes_max. kNotFound if there is none;
// kInvalidArgument if this is no archive or a damaged one; kUnimplemented if it is encrypted,
// larger than 4 GiB or packed by anything but deflate; kResourceExhausted if it is larger than
// bytes_max, whatever it says of itself.
Result<std::string> read_zip_member(std::string_view archive, std::string_view name,
                                    std::size_t bytes_max);

}  // namespace rage::cli
