// A conversation's last question together with what the earlier turns imply. Pure.
#pragma once

#include <string>
#include <vector>

#include "rag/corpus.h"
#include "rag/question.h"

namespace rage::rag {

struct Conversation {
  bool empty = true;       // No user turn after the last assistant turn.
  std::string standalone;  // The question with the names it leaves out.
  Query query;             // Constraints of an earlier question merged in: "And on Thursday?".
  std::vector<RecordId> anchors;  // What "it", "that talk", "the speaker" stand for.
};

// Looks at the last kHistoryTurnsMax turns only.
inline constexpr std::size_t kHistoryTurnsMax = 12;
Conversation read_conversation(const std::vector<ChatTurn>& turns, const CorpusIndex& corpus);

}  // namespace rage::rag
