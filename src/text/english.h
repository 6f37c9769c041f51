// English as a dictionary has it: what no dictionary has is likely a name.
#pragma once

#include <string_view>

namespace rage::text {

// True of a folded word that Debian's American or British word list has in small letters, of
// another form of such a word ("orchestrator"), of one with a prefix ("rebooting"), and of two such
// words written as one ("sandstorm"). Thread-safe; microseconds.
bool is_english_word(std::string_view folded_word);

}  // namespace rage::text
