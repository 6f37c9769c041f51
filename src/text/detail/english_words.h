// Made by cmake/EnglishWords.cmake.
#pragma once

#include <string_view>

namespace rage::text {

// Words of a to z, sorted by bytes, each followed by a line feed.
std::string_view english_words();

}  // namespace rage::text
