// LlmClient over HTTP: vLLM, llama-server, OpenAI and whatever else speaks the same protocol.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "llm/llm_client.h"
#include "net/http_client.h"

namespace rage::llm {

struct OpenAiOptions {
  // Of the chat completions themselves (".../v1/chat/completions"), of the API (".../v1"), or of
  // the host alone. Other paths that end in "/completions" are taken as they are.
  std::string url;
  std::string bearer_token = {};  // Empty: no Authorization header.
  std::string user_agent = {};    // Empty: "RAGE/" and the version.
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{300'000};  // No byte for this long: kDeadlineExceeded.
};

// Value. Both with the query of the given URL.
struct OpenAiUrls {
  std::string chat_completions;
  std::string models;  // "/models" beside "/chat/completions"; "/v1/models" of the host otherwise.
  bool operator==(const OpenAiUrls&) const = default;
};

// kInvalidArgument unless it is http:// or https:// with a host.
Result<OpenAiUrls> plan_openai_urls(std::string_view url);

// {"data":[{"id":"a","max_model_len":4096}]}. Lenient: entries without an id are left out, the
// context comes from max_model_len (vLLM), meta.n_ctx or meta.n_ctx_train (llama-server),
// context_length or context_window. kDataLoss if it is no such list.
Result<std::vector<ModelInfo>> parse_model_list(std::string_view json);

// The upstream's words: error.message, error, detail or message of a JSON body, else the body
// itself, as valid UTF-8 of at most 2,000 bytes; "HTTP 502 Bad Gateway" if there is nothing.
std::string extract_error_text(int status, std::string_view body);

// Thread-safe. The transport outlives it.
class OpenAiClient final : public LlmClient {
 public:
  static Result<std::unique_ptr<OpenAiClient>> create(net::HttpTransport& transport,
                                                      const OpenAiOptions& options);

  Result<codec::Json> complete(const Context& context, const codec::Json& body) override;
  // kDataLoss if the stream ends before [DONE] (or, from servers that send none, before a
  // finish_reason) or holds what is no chunk; an error inside the stream is returned like a status.
  Result<void> stream(const Context& context, const codec::Json& body,
                      const std::function<bool(const codec::Json& chunk)>& on_chunk) override;
  Result<void> forward(const Context& context, std::string_view body,
                       const std::function<bool(const RawReply& head)>& on_head,
                       const std::function<bool(std::string_view bytes)>& on_bytes) override;
  Result<std::vector<ModelInfo>> list_models(const Context& context) override;

 private:
  OpenAiClient(net::HttpTransport& transport, OpenAiOptions options, OpenAiUrls urls);
  net::ClientRequest request_for(std::string_view method, const std::string& url) const;
  net::ClientRequest completion_request(std::string body) const;
  Result<codec::Json> ask_whole(const Context& context, const codec::Json& body);
  Result<void> ask_stream(const Context& context, const codec::Json& body,
                          const std::function<bool(const codec::Json& chunk)>& on_chunk);

  net::HttpTransport& transport_;
  const OpenAiOptions options_;
  const OpenAiUrls urls_;
};

}  // namespace rage::llm
