// `--data` of `rage up`, `rage status` and `rage down`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>

namespace rage::app {

inline std::string default_data_directory() {
  if (const char* data = std::getenv("RAGE_DATA"); data != nullptr && *data != '\0') return data;
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/rage";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/rage";
}

inline void add_data_option(CLI::App& command, std::string& data) {
  data = default_data_directory();
  command.add_option("--data", data, "Directory of indexes, logs and run state")
      ->capture_default_str();
}

}  // namespace rage::app
