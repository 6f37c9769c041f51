// The text of a Word document (Office Open XML, ECMA-376), as Markdown. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::cli {

// Headings by their style, list items with a dash, tables as pipe tables; what was deleted with
// changes tracked is left out, and so are notes, headers and footers. kInvalidArgument if it is no
// Word document or damaged, kResourceExhausted if it unpacks to more than 64 MiB.
Result<std::string> read_docx(std::string_view bytes);

}  // namespace rage::cli
