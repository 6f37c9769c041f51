// `rage assistant web`, below `rage assistant`.
#pragma once

#include <CLI/CLI.hpp>

namespace rage::app {

void add_assistant_web(CLI::App& assistant, int& exit_code);

}  // namespace rage::app
