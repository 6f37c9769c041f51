// The messages for the model: rules first, then the sources as data, then the conversation. The
// order is stable, so that a runtime's prefix cache can help. Pure.
#pragma once

#include <string>
#include <vector>

#include "rag/grounding.h"

namespace rage::rag {

// `sources` are numbered from 1 in their order; those that do not fit the budget are left out.
// The callers' system messages become a second part of the one system message.
std::vector<ChatTurn> render_prompt(const std::vector<ChatTurn>& turns, const std::string& question,
                                    const std::vector<RetrievedChunk>& sources,
                                    std::size_t context_tokens_max);

// KAITO's prompt, for GroundingMode::kOff: the sources between two rules, the history, the
// question. Even here the sources are data.
std::vector<ChatTurn> render_plain_prompt(const std::vector<ChatTurn>& turns,
                                          const std::string& question,
                                          const std::vector<RetrievedChunk>& sources);

// How many of the sources fit into the budget, at least one if there is any.
std::size_t count_fitting(const std::vector<RetrievedChunk>& sources,
                          std::size_t context_tokens_max);

}  // namespace rage::rag
