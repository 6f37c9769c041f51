// Python's notion of printable characters, for identities that depend on its repr().
#pragma once

namespace rage::text {

// Python's str.isprintable(): not a control, format, surrogate, private-use or unassigned code
// point, and no separator but the space.
bool is_printable(char32_t code_point);

}  // namespace rage::text
