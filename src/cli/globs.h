// Patterns that choose files by their path, as people know them from .gitignore. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rage::cli {

// `path` is relative, with '/' between its parts. In a pattern, '*' is any run of characters but
// '/', '?' one of them, "[a-z]" or "[!a-z]" one of a set, '\' takes the next as it is, and "**" as
// a whole part any number of parts. A pattern with no '/' but at its end matches at any depth; one
// that matches a folder matches all below it. Case counts. The time is at most the product of both
// lengths.
bool matches_glob(std::string_view pattern, std::string_view path);
bool matches_any(const std::vector<std::string>& patterns, std::string_view path);

}  // namespace rage::cli
