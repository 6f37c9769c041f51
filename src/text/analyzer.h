// Text to index terms for BM25: Unicode word segmentation (ICU, UAX 29), case folding, accents removed,
// English stop words dropped, Snowball English stemming. Identifiers ("phi-4-mini", "TLS1.3") also
// yield their joined form. The same function serves rows and questions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rage::text {

// Thread-safe. Invalid UTF-8 is read as U+FFFD; never fails.
std::vector<std::string> analyze(std::string_view text);

// One word, folded (case, accents) but not stemmed: for comparing names.
std::string fold(std::string_view text);

// The stem of one already folded English word.
std::string stem(std::string_view folded_word);

bool is_stop_word(std::string_view folded_word);

}  // namespace rage::text
