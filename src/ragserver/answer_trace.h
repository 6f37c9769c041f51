// One answer and how it came about, as `GET /answers/{id}` tells it. Pure.
#pragma once

#include "codec/json.h"
#include "ragserver/chat_reply.h"

namespace rage::ragserver {

// What was asked, what it was read as, what was found and why each candidate counts or not, the
// model's prompt, and the verdict on each of its sentences.
codec::Json render_trace(const Envelope& envelope, const ChatRequest& request,
                         const rag::AnswerPlan& plan, const Outcome& outcome);

}  // namespace rage::ragserver
