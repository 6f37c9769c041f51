// GroundingMode::kOff, as KAITO answers: the nearest sources into the prompt, and what the model
// says is what is shown. Pure.
#pragma once

#include <vector>

#include "rag/grounding.h"

namespace rage::rag {

// Sources are the nearest first. kBareModel if none is near enough.
AnswerPlan plan_unchecked(const std::vector<ChatTurn>& turns,
                          const std::vector<RetrievedChunk>& retrieved,
                          const GroundingOptions& options);

}  // namespace rage::rag
