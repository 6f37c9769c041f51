// Subcommands that keep indexes: see subcommands.h.
#pragma once

#include <CLI/CLI.hpp>

namespace rage::app {

void add_backup(CLI::App& app, int& exit_code);
void add_reindex(CLI::App& app, int& exit_code);
void add_restore(CLI::App& app, int& exit_code);

}  // namespace rage::app
