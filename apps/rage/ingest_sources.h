// What `rage ingest` reads besides schedules: `folder`, `git` and `site`, as `rage auto-index`
// does.
#pragma once

#include <CLI/CLI.hpp>

namespace rage::app {

void add_ingest_sources(CLI::App& ingest, int& exit_code);

}  // namespace rage::app
