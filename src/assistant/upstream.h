// The model server or RAGEngine behind the assistant: one chat completion, whole or streamed, asked
// again as OpenAI's own clients do.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "codec/json.h"
#include "llm/stand_ins.h"
#include "net/http_client.h"

namespace rage::assistant {

struct UpstreamOptions {
  std::string base_url;  // "http://host/v1" or "http://host/rag"; "/chat/completions" is appended.
  std::string api_key = "none";  // As a bearer token; empty: no header.
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds read_timeout{600'000};  // Without a byte.
  int retries_max = 2;
  bool asks_for_stand_ins = false;  // Fills Answer::stand_in, with a question a minute.
};

// Value.
struct Answer {
  std::string text;
  std::string model;      // Who the upstream says answered.
  codec::Json usage;      // Null unless it counted: prompt_tokens, completion_tokens.
  codec::Json grounding;  // Of a RAG service of ours: mode, citations, sentences with verdicts.
  codec::Json sources;    // "source_nodes" of a RAGEngine.
  std::string stand_in;   // "phi-4 -> packaged:NAME": who really answered (llm/stand_ins.h).
};

// Called with each piece of text; false ends the answer, which is no error.
using OnText = std::function<bool(std::string_view)>;

// Resource. Thread-safe. Transport and clock outlive it.
//
// Asks again, at most retries_max times, after no connection, 408, 409, 429 and 5xx, as long as
// nothing of an answer has come: after half a second, doubled, at most 8, a quarter less by chance,
// or after what Retry-After says if that is a minute at most.
class Upstream final {
 public:
  // kInvalidArgument: no http:// or https:// URL.
  static Result<std::unique_ptr<Upstream>> create(net::HttpTransport& transport, Clock& clock,
                                                  const UpstreamOptions& options);

  // In a trace, each is one span, with all its retries.
  // kUnavailable: no connection or 5xx; kResourceExhausted: 429; kNotFound: 404; kUnauthenticated:
  // 401 and 403; kInvalidArgument: another 4xx; kDeadlineExceeded; kCancelled: context.stop;
  // kDataLoss: what came is no completion, or ended early.
  Result<Answer> complete(const Context& context, const codec::Json& body) const;
  // Errors likewise, and after some text kDataLoss if the rest is missing. An upstream that does
  // not stream is asked for the whole, which is then one piece. Ended by `on_text`: what there was.
  Result<Answer> stream(const Context& context, const codec::Json& body,
                        const OnText& on_text) const;
  // What GET /models says, as it says it; at most `limit`. kUnavailable, kDataLoss.
  Result<codec::Json> models(const Context& context, std::chrono::milliseconds limit) const;
  // Whether something answers there, whatever it says below 500; at most `limit`.
  Result<void> check(const Context& context, std::chrono::milliseconds limit) const;

  const std::string& base_url() const { return options_.base_url; }

 private:
  struct Attempt;
  Upstream(net::HttpTransport& transport, Clock& clock, UpstreamOptions options, std::string url)
      : transport_(transport),
        clock_(clock),
        options_(std::move(options)),
        completions_url_(std::move(url)),
        stand_ins_([this](const Context& context) { return list_models(context); }) {}
  Result<std::vector<llm::ModelInfo>> list_models(const Context& context) const;
  void state_stand_in(const Context& context, Answer& answer) const;
  Result<net::HttpResponse> fetch_models(const Context& context,
                                         std::chrono::milliseconds limit) const;
  net::ClientRequest request_for(const codec::Json& body, int retry) const;
  Result<Answer> whole_answer(const Context& context, const codec::Json& body) const;
  Result<Answer> streamed_answer(const Context& context, const codec::Json& body,
                                 const OnText& on_text) const;
  Attempt ask_whole(const Context& context, const net::ClientRequest& request) const;
  Attempt ask_stream(const Context& context, const net::ClientRequest& request,
                     const OnText& on_text) const;
  Result<Answer> retried(const Context& context, const codec::Json& body,
                         const std::function<Attempt(const net::ClientRequest&)>& ask) const;

  net::HttpTransport& transport_;
  Clock& clock_;
  const UpstreamOptions options_;
  const std::string completions_url_;
  mutable llm::StandIns stand_ins_;
};

// Pure parts, for tests.
bool is_worth_a_retry(int status);
// `chance` in [0, 1).
std::chrono::milliseconds retry_pause(int retry, std::optional<std::chrono::milliseconds> asked_for,
                                      double chance);

}  // namespace rage::assistant
