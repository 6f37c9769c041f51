// GroundingMode::kOff, as KAITO answers: the nearest sources into the prompt, and what the model
// says is what is shown. Pure.
#pragma once

#include <vector>

#include "rag/grounding.h"

namespace rage::rag {

// KAITO's RAG_SIMILARITY_THRESHOLD: the squared distance of unit vectors, 2 - 2 cos.
inline constexpr float kPlainDistanceMax = 0.85F;

struct UncheckedOptions {
  std::size_t context_tokens_max = 1500;   // For sources in the prompt, about 4 bytes a token.
  float distance_max = kPlainDistanceMax;  // Chunks further from the question are not used; 0: all.
};

// Sources are the nearest first. kBareModel if none is near enough.
AnswerPlan plan_unchecked(const std::vector<ChatTurn>& turns,
                          const std::vector<RetrievedChunk>& retrieved,
                          const UncheckedOptions& options);

}  // namespace rage::rag
