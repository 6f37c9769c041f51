// `rage convert-docx`, which cli/convert.h starts; nobody types it, and no help lists it.
#pragma once

#include <CLI/CLI.hpp>

namespace rage::app {

void add_convert_docx(CLI::App& app, int& exit_code);

}  // namespace rage::app
