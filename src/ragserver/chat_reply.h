// What a chat request is answered with: a ChatCompletion, whole or in chunks, and what came of the
// grounding beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"
#include "net/http_server.h"
#include "rag/grounding.h"
#include "ragserver/chat.h"

namespace rage::ragserver {

// How an answer came about, for the reply's `grounding` object.
struct Outcome {
  std::string_view mode;  // "abstained", "composed", "model", "fallback", "unverified"
  std::string answer;
  std::vector<rag::Citation> citations;
  std::vector<rag::SentenceReport> sentences;
  codec::Json usage = nullptr;
  codec::Json tool_calls = nullptr;         // As in OpenAI's message; null: none.
  std::string_view finish_reason = "stop";  // "length", "tool_calls"
  std::string stand_in = {};  // "phi-4 -> packaged:NAME": who was asked in the model's place.
};

// docs/guarantee.md says what its fields mean.
codec::Json render_grounding(const rag::AnswerPlan& plan, const Outcome& outcome);

// The parts that every chunk and the whole completion share.
struct Envelope {
  std::string id;
  std::int64_t created = 0;
  std::string model;

  static Envelope create(std::string model);
  codec::Json chunk(codec::Json delta, codec::Json finish_reason) const;
};

codec::Json render_completion(const Envelope& envelope, const ChatRequest& request,
                              const rag::AnswerPlan& plan, const Outcome& outcome);

// One thread. Sends text as OpenAI chunks; begins with the first piece, so that an upstream that
// fails before it still gets a proper error status.
class ChunkStream final {
 public:
  ChunkStream(const Envelope& envelope, net::ResponseWriter& writer)
      : envelope_(envelope), writer_(writer) {}

  // False once the caller has gone.
  bool send_text(std::string_view text);
  void end(const ChatRequest& request, const rag::AnswerPlan& plan, const Outcome& outcome);

 private:
  bool begin();
  bool send(const codec::Json& chunk);

  const Envelope& envelope_;
  net::ResponseWriter& writer_;
  bool begun_ = false;
};

}  // namespace rage::ragserver
