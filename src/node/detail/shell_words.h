// As much of the shell's grammar as it takes to find one command in a script.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rage::node::detail {

// The simple commands of a script, each as its words without quotes. Separators are line breaks and
// ; & | that are not quoted. Nothing is expanded.
std::vector<std::vector<std::string>> shell_commands(std::string_view script);

}  // namespace rage::node::detail
