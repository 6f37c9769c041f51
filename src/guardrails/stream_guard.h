// A streamed chat completion (server-sent events of OpenAI's API), guarded as it passes. However
// the model's words are cut into chunks, the client gets the same ones.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "codec/json.h"
#include "codec/sse.h"
#include "guardrails/reply_guard.h"
#include "guardrails/text_guard.h"

namespace rage::guardrails {

// Resource. One thread. Keeps id, role, model and usage of the chunks it passes on; logprobs become
// null; comments are dropped. Arguments of tool calls are held until the choice ends, since they
// are of no use before. A block ends the stream: the block message, `content_filter`, [DONE]. So
// does whatever cannot be read: an event that is no chunk, more than one choice.
class StreamGuard final {
 public:
  explicit StreamGuard(std::shared_ptr<const Policy> policy);

  // What to send on for these bytes of the model's stream.
  std::string feed(std::string_view bytes);
  // The model's stream ended by itself; what is still held, if it sent no [DONE].
  std::string finish();
  // The stream is complete although the model's is not: leave the model.
  bool refused() const { return refused_; }
  const Outcome& outcome() const { return outcome_; }
  const std::string& response_id() const { return response_id_; }

 private:
  struct Call {
    codec::Json head;  // All but its arguments.
    std::string arguments;
  };

  void take(const codec::SseEvent& event);
  void take_chunk(codec::Json chunk);
  // False if it cannot be read.
  bool take_delta(codec::Json& choice, codec::Json& delta_out);
  bool take_text(const std::string& field, const std::string& text, codec::Json& delta_out);
  bool take_calls(const codec::Json& calls);
  bool take_function(const codec::Json& part, Call& call);
  void flush();
  bool flush_calls(codec::Json& delta_out);
  TextGuard& guard_of(const std::string& field);
  void send(codec::Json chunk);
  void send_delta(codec::Json delta, codec::Json finish_reason);
  void refuse(FinalAction why);

  const std::shared_ptr<const Policy> policy_;
  codec::SseParser parser_;
  Outcome outcome_;
  std::map<std::string, std::unique_ptr<TextGuard>> guards_;  // By field of the delta.
  std::map<int, Call> calls_;
  std::size_t call_bytes_ = 0;
  Call function_;  // The older form of a call.
  codec::Json envelope_ = codec::Json::object();
  std::string response_id_;
  std::string out_;
  bool flushed_ = false;
  bool done_ = false;
  bool refused_ = false;
};

}  // namespace rage::guardrails
