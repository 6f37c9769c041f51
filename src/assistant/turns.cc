#include "assistant/turns.h"

#include <optional>
#include <span>

#include "assistant/sentence_buffer.h"
#include "obs/log.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::size_t kPromptMessagesMax = 400;  // More never fit into a prompt.
constexpr std::chrono::seconds kStoreLimit{10};

// Of the store: a client that has gone is no reason to lose its words.
Context store_context() {
  return Context::with_timeout(kStoreLimit);
}

Json answer_extras(Json extras, const Answer& answer, std::int64_t latency_ms) {
  extras["latency_ms"] = latency_ms;
  if (!answer.model.empty()) extras["model"] = answer.model;
  if (!answer.usage.is_null()) extras["usage"] = answer.usage;
  if (!answer.grounding.is_null()) extras["grounding"] = answer.grounding;
  if (!answer.sources.is_null()) extras["sources"] = answer.sources;
  if (!answer.stand_in.empty()) extras["substituted_model"] = answer.stand_in;
  return extras;
}

}  // namespace

Json Turns::stamp() const {
  return {{"timestamp", render_timestamp(clock_.wall_now())}};
}

// What came before the question; the question is kept when it returns.
Result<std::vector<Message>> Turns::begin(const Turn& turn, std::string& question) {
  ASSIGN_OR_RETURN(auto history, store_.load(store_context(), turn.session, kPromptMessagesMax));
  if (!turn.retry) {
    question = turn.question;
    const Message asked{.role = kUser, .text = question, .extras = stamp()};
    RETURN_IF_ERROR(store_.append(store_context(), turn.session, std::span(&asked, 1)));
    return history;
  }
  if (history.empty() || history.back().role != kUser) {
    return fail(ErrorCode::kFailedPrecondition, "There is no unanswered question to ask again");
  }
  question = history.back().text;
  history.pop_back();
  return history;
}

Result<Answer> Turns::ask(const Context& context, const Turn& turn, const Json& body,
                          const OnText& on_text, std::string& shown) {
  if (!turn.stream) return upstream_.complete(context, body, turn.trace);
  const auto show = [&](std::string_view text) {
    if (text.empty()) return true;
    shown += text;
    return on_text(text);
  };
  // A RAG service lets whole, verified sentences through already.
  const bool whole = !options_.index_name.empty();
  SentenceBuffer sentences;
  bool listening = true;
  metrics_.stream_began();
  auto answer = upstream_.stream(context, body, turn.trace, [&](std::string_view piece) {
    listening = whole ? show(piece) : show(sentences.feed(piece));
    return listening;
  });
  metrics_.stream_ended();
  if (listening) listening = show(sentences.finish());
  if (answer && !listening) return fail(ErrorCode::kCancelled, "the caller has gone");
  return answer;
}

Result<TurnOutcome> Turns::run(const Context& context, const Turn& turn, const OnText& on_text) {
  save_unsaved();
  std::string question;
  ASSIGN_OR_RETURN(const auto history, begin(turn, question));
  const Json body = plan_completion(options_, history, question);
  const auto started = clock_.now();
  std::string shown;
  auto answer = ask(context, turn, body, on_text, shown);
  const auto took = clock_.now() - started;
  metrics_.asked(took, answer);
  TurnOutcome outcome{
      .answer = {},
      .latency_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count()};
  if (!answer) {
    if (answer.error().code == ErrorCode::kCancelled && !shown.empty()) {
      Json extras = answer_extras(stamp(), {}, outcome.latency_ms);
      extras["stopped"] = true;
      keep(turn.session, {.role = kAssistant, .text = shown, .extras = std::move(extras)});
    }
    return fail(std::move(answer).error());
  }
  outcome.answer = *std::move(answer);
  keep(turn.session, {.role = kAssistant,
                      .text = outcome.answer.text,
                      .extras = answer_extras(stamp(), outcome.answer, outcome.latency_ms)});
  return outcome;
}

Result<void> Turns::store_answer(const std::string& session, const Message& answer) {
  const auto known = store_.find(store_context(), session);
  if (!known && known.error().code == ErrorCode::kNotFound) return {};  // Deleted meanwhile.
  if (!known) return fail(known.error());
  return store_.append(store_context(), session, std::span(&answer, 1));
}

void Turns::keep(const std::string& session, Message answer) {
  const auto kept = store_answer(session, answer);
  if (kept) return;
  const bool full = unsaved_.with([&](auto& unsaved) {
    if (unsaved.size() >= kUnsavedMax) return true;
    unsaved.push_back({.session = session, .message = std::move(answer)});
    metrics_.set_unsaved(unsaved.size());
    return false;
  });
  obs::log().warn(full ? "the history took no answer; too many wait already, this one is lost"
                       : "the history took no answer; it will be offered again",
                  {{"session", session}, {"error", kept.error().message}});
}

void Turns::save_unsaved() {
  if (unsaved_.with([](const auto& unsaved) { return unsaved.empty(); })) return;
  if (!saving_.try_lock()) return;
  while (true) {
    const auto next = unsaved_.with([](const auto& unsaved) {
      return unsaved.empty() ? std::nullopt : std::optional<Unsaved>(unsaved.front());
    });
    if (!next) break;
    if (!store_answer(next->session, next->message)) break;
    unsaved_.with([&](auto& unsaved) {
      unsaved.pop_front();
      metrics_.set_unsaved(unsaved.size());
    });
  }
  saving_.unlock();
}

}  // namespace rage::assistant
