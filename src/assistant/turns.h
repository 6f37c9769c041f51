// One question and its answer: kept, asked, kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
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
  AnswerMode mode = AnswerMode::kDefault;
};

// How one model was asked and what came.
struct Asked {
  Result<Answer> answer = fail(ErrorCode::kInternal, "not asked");
  std::int64_t latency_ms = 0;
  std::chrono::nanoseconds took{};
  std::string shown;  // What of it a listener got.
};

struct TurnOutcome {
  Answer answer;
  std::int64_t latency_ms = 0;
  std::string mode;           // "direct", "compare", or empty: as the assistant is set up.
  std::optional<Asked> bare;  // Of "compare": the model without sources.
  bool saved = true;          // False: it waits until the history can be reached again.
};

// Of "compare", `bare` as the history keeps it and readers get it: {"message","model","latency_ms",
// "usage"}, with "error_code" if it failed.
codec::Json bare_json(const Asked& bare);

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
        PromptOptions options, Upstream* direct = nullptr)
      : store_(store),
        upstream_(upstream),
        direct_(direct == nullptr ? upstream : *direct),
        metrics_(metrics),
        clock_(clock),
        options_(std::move(options)) {}

  // `on_text` gets an answer's text as it comes, of streaming turns only; false: nobody listens.
  // `on_bare` gets what the model says without sources, of comparing turns. Both on this thread.
  // kFailedPrecondition: a retry without an unanswered question; other errors as of store and
  // upstream.
  Result<TurnOutcome> run(const Context& context, const Turn& turn, const OnText& on_text,
                          const OnText& on_bare = {});

  // Writes what the history could not take before. Called by run(); of use by itself now and then.
  void save_unsaved();

 private:
  struct Unsaved {
    std::string session;
    Message message;
  };
  struct Question {
    std::vector<Message> history;
    std::string text;
  };
  enum class Source { kIndex, kModel };
  Result<TurnOutcome> answer(const Context& context, const Turn& turn, const OnText& on_text,
                             const OnText& on_bare);
  Result<Question> begin(const Turn& turn);
  codec::Json body_for(Source source, const Question& question) const;
  Asked ask(const Context& context, const Turn& turn, Source source, const Question& question,
            const OnText& on_text);
  std::pair<Asked, Asked> ask_both(const Context& context, const Turn& turn,
                                   const Question& question, const OnText& on_text,
                                   const OnText& on_bare);
  bool keep_answer(const std::string& session, const TurnOutcome& outcome);
  void keep_stopped(const std::string& session, const Asked& asked, codec::Json extras);
  bool keep(const std::string& session, Message answer);
  bool settle(const std::string& session);
  Result<void> store_answer(const std::string& session, const Message& answer);
  codec::Json stamp() const;

  HistoryStore& store_;
  Upstream& upstream_;
  Upstream& direct_;
  AssistantMetrics& metrics_;
  Clock& clock_;
  const PromptOptions options_;
  Guarded<std::deque<Unsaved>> unsaved_;
  Mutex saving_;  // One thread writes what is left; the others need not wait.
};

}  // namespace rage::assistant
