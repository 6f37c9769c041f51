// Where what a reader takes for one character ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace rage::text::detail {

// Appends the extended grapheme cluster (Unicode annex 29) that begins at `at` to `out`, invalid
// UTF-8 as U+FFFD, and moves `at` past it. Linear in the cluster's length. Rule GB9c (Indic
// conjuncts) is left out: it joins letters of three bytes each, and only clusters of at most five
// bytes are of interest here.
void read_grapheme(std::string_view text, std::size_t& at, std::string& out);

}  // namespace rage::text::detail
