// One question and its answer: kept, asked, kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "assistant/history_store.h"
#include "assistant/metrics.h"
#include "assistant/prompt.h"
#include "assistant/upstream.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"

namespace rage::assistant {

struct Turn {
  std::string session;
  std::string question;
  bool retry =
      false;  // The question is the last one kept, which has no answer; `question` is empty.
  bool stream = false;
  std::string trace;  // traceparent, or empty.
};

struct TurnOutcome {
  Answer answer;
  std::int64_t latency_ms = 0;
};

// Resource. Thread-safe. What it is given outlives it.
//
// The question is kept before the model is asked, so it survives whatever happens next; the answer
// afterwards. If the history cannot take an answer, the answer is given all the same and written as
// soon as the history is back (at most kUnsavedMax messages, in memory). A reader that leaves ends
// the model's work; what was shown until then is kept, with "stopped". A conversation that was
// deleted meanwhile stays deleted.
class Turns final {
 public:
  static constexpr std::size_t kUnsavedMax = 1000;

  Turns(HistoryStore& store, Upstream& upstream, AssistantMetrics& metrics, Clock& clock,
        PromptOptions options)
      : store_(store),
        upstream_(upstream),
        metrics_(metrics),
        clock_(clock),
        options_(std::move(options)) {}

  // `on_text` gets an answer's text as it comes, of streaming turns only; false: nobody listens.
  // kFailedPrecondition: a retry without an unanswered question; other errors as of store and
  // upstream.
  Result<TurnOutcome> run(const Context& context, const Turn& turn, const OnText& on_text);

  // Writes what the history could not take before. Called by run(); of use by itself now and then.
  void save_unsaved();

 private:
  struct Unsaved {
    std::string session;
    Message message;
  };
  Result<std::vector<Message>> begin(const Turn& turn, std::string& question);
  Result<Answer> ask(const Context& context, const Turn& turn, const codec::Json& body,
                     const OnText& on_text, std::string& shown);
  void keep(const std::string& session, Message answer);
  Result<void> store_answer(const std::string& session, const Message& answer);
  codec::Json stamp() const;

  HistoryStore& store_;
  Upstream& upstream_;
  AssistantMetrics& metrics_;
  Clock& clock_;
  const PromptOptions options_;
  Guarded<std::deque<Unsaved>> unsaved_;
  Mutex saving_;  // One thread writes what is left; the others need not wait.
};

}  // namespace rage::assistant
