#pragma once

#include <CLI/CLI.hpp>

namespace rage::app {
void add_dashboard(CLI::App& app, int& exit_code);
}  // namespace rage::app
