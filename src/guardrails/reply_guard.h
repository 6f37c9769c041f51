// Whole replies of OpenAI's chat completions API, and the JSON around them.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"
#include "guardrails/text_guard.h"

namespace rage::guardrails {

// Text for clients where a reply cannot be scanned.
inline constexpr std::string_view kScanFailed =
    "Output guardrails failed while scanning the model response.";

// A completion with what may be shown of it: content, refusal, reasoning and whatever else a
// message says, the arguments of tool calls, and the texts of `source_nodes` and `grounding`. Where
// a scanner blocks the message, all it said gives way to the block message; where it blocks a
// source's text, that text does. `logprobs`, which spell out the tokens, become null. kInternal
// with kScanFailed for what is no completion, or says something in a form that cannot be read.
Result<codec::Json> guard_completion(const Policy& policy, codec::Json completion,
                                     Outcome& outcome);

// Every text in a value, but for those under `doc_id`, `node_id`, `question`, `mode`, `policy` and
// `verdict`, which are ids, words of ours or the client's own; a blocked one is replaced.
void guard_texts(const Policy& policy, codec::Json& value, Outcome& outcome);

// The arguments of a tool call: every text in them, unescaped, and then all of it as it is written.
// None if blocked.
std::optional<std::string> guard_arguments(const Policy& policy, std::string_view arguments,
                                           Outcome& outcome);

// What of a completion or chunk is no text of the model: `id`, `model`, `usage` and the like.
bool is_envelope_key(std::string_view key);

}  // namespace rage::guardrails
