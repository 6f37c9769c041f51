// What embedding services are asked and answer: OpenAI's POST /v1/embeddings, which vLLM,
// llama-server, text-embeddings-inference and `rage rag` speak, and the one KAITO's RAG service
// expects, {"inputs": TEXT} answered by the bare vector. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "embed/embedder.h"

namespace rage::embed {

enum class RemoteApi { kOpenAi, kKaito };

// "openai" or "kaito"; "auto" by the address: OpenAI's if its path ends in "/embeddings".
std::optional<RemoteApi> parse_remote_api(std::string_view name, std::string_view url);

struct RemoteVectors {
  EmbeddingMatrix vectors;  // Rows scaled to length 1.
  std::string model;        // As the reply names it; empty if it does not.
};

// `model` empty: not sent. `with_kind`: "input_type" goes along, which some servers refuse.
std::string render_openai_request(std::string_view model, std::span<const std::string> texts,
                                  TextKind kind, bool with_kind);
// One text: a string, as KAITO sends it; several: a list.
std::string render_kaito_request(std::span<const std::string> texts);

// One row a text, in order, whatever order the reply has them in. kDataLoss if the reply is no
// such thing: too few, of different lengths, with numbers that are none, or without a direction.
Result<RemoteVectors> parse_openai_reply(std::string_view body, std::size_t texts);
// Of one text the bare vector, or a list of one; of several a list of vectors.
Result<RemoteVectors> parse_kaito_reply(std::string_view body, std::size_t texts);

// What a reply with a status other than 200 means to whoever asked us. kInvalidArgument: the text
// is to blame. kResourceExhausted: later. Everything else is kUnavailable: it is the service, or
// how we are set up to use it, that has to be mended.
Error remote_error(int status, std::string_view body, std::string_view retry_after);
bool is_worth_retrying(const Error& error, int status);  // Status 0: no reply came.

// Before attempt 2, 3, ...: doubles from a quarter of a second, at most 8 s; what the service asked
// for, if that is longer, up to 10 s. `spread` from 0 to 1 takes up to half away.
std::chrono::milliseconds backoff_before(int attempt,
                                         std::optional<std::chrono::milliseconds> asked,
                                         double spread);

// Tokens of a text for a model whose tokeniser is not here: rather too many than too few. A word is
// one for each four letters, a sign or a letter beyond ASCII is one of its own.
std::size_t estimate_tokens(std::string_view text);
// The longest beginning of `text` with at most `tokens_max` of these; ends at a character.
std::string_view cut_at_tokens(std::string_view text, std::size_t tokens_max);

// Scheme, host and path of a URL: what may be shown, without user, password and query.
std::string shown_url(std::string_view url);

}  // namespace rage::embed
