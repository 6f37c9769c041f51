// Sentences of an answer that names titles such as "Nix and AI: Are We There Yet?". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/sentences.h"

namespace rage::rag {

// text::split_sentences(), without the cuts inside one of `titles`, or after one that ends with a
// question mark when the sentence goes on. Titles are lower case (ASCII). A text that ends inside a
// title is not cut there either: what follows may be the rest.
std::vector<text::TextSpan> split_around_titles(std::string_view text,
                                                const std::vector<std::string>& titles);

}  // namespace rage::rag
