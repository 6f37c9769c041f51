// A question to a running `rage assistant`, asked as its page asks: one conversation a question.
#pragma once

#include "base/context.h"
#include "base/error.h"
#include "cli/eval_grade.h"
#include "cli/rag_client.h"
#include "codec/json.h"

namespace rage::cli {

// The answer to the last turn of `question` in the shape of a ChatCompletion, for
// read_eval_reply(). What its history asked is asked first, and what the assistant answers to that
// is the history then. The conversation is deleted in the end. Errors as of RagClient; kDataLoss:
// the stream broke off.
Result<codec::Json> ask_assistant(const Context& context, RagClient& assistant,
                                  const EvalQuestion& question);

// The "done" event of the stream as a ChatCompletion. Pure; never fails, what is absent stays so.
codec::Json completion_of(const codec::Json& done);

}  // namespace rage::cli
