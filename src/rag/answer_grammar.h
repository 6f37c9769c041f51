// A grammar in llama.cpp's GBNF (grammars/README.md of its repository; xgrammar, which vLLM uses,
// reads it as well) that lets a model write any words in small letters, but names, numbers and
// addresses only as its sources have them. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rag/document.h"

namespace rage::rag {

struct GrammarLimits {
  std::size_t words_max = 600;          // Names, numbers and addresses that may be copied.
  std::size_t bytes_max = 32UL * 1024;  // Of the grammar.
};

// What is copied is one written word at a time ("Ballroom", "14:30", "https://..."); whether it
// belongs together the verifier says. None where a grammar would do harm: too many words to allow
// all of them, or texts in scripts without small letters.
std::optional<std::string> answer_grammar(const std::vector<RetrievedChunk>& sources,
                                          std::string_view question,
                                          const GrammarLimits& limits = {});

}  // namespace rage::rag
