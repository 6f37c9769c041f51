// A model's sentence without one clause or phrase, where what is left is a sentence by
// construction: what may be shown of one that says a single thing too much. Of a claim alone:
// without a phrase a denial, or a restriction ("only"), says more than before. Pure.
#pragma once

#include <string>
#include <vector>

#include "rag/verify_sentence.h"

namespace rage::rag {

struct Cut {
  std::string kept;  // With the sentence's own full stop.
  std::string dropped;
};

inline constexpr std::size_t kCutsMax = 4;

// The smallest loss first, at most kCutsMax. Nothing is cut inside a title, quotation marks or
// brackets, and what is kept still says something of something. It is not judged here.
std::vector<Cut> possible_cuts(const ReadSentence& sentence, const CorpusIndex& corpus);

}  // namespace rage::rag
