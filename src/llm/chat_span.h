// The part of a trace that is one chat completion, with the names of OpenTelemetry's conventions
// for generative AI (https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/json.h"
#include "obs/span.h"

namespace rage::llm {

// Resource. One thread. The current span until it is destroyed. What was said is in it only if
// Span::captures_content().
class ChatSpan final {
 public:
  // Of the request `body` to `url`.
  ChatSpan(const codec::Json& body, std::string_view url);

  // A completion, or a chunk of one: model, usage, reason to end, text.
  void take(const codec::Json& reply);
  // Text of the answer, where no reply is at hand: the whole, or a piece of a stream.
  void hear(std::string_view text);
  void hear_piece(std::string_view text);
  // How the request ended. An error's words may quote what was said: its code is told alone.
  template <class T>
  void end(const Result<T>& outcome) {
    close(outcome ? nullptr : &outcome.error());
  }

 private:
  void take_choice(const codec::Json& choice);
  void close(const Error* error);

  obs::ScopedSpan span_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  bool has_text_ = false;
  std::string text_;  // Of the answer; captured content alone.
};

}  // namespace rage::llm
