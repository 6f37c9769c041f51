#include "assistant/turns.h"

#include <optional>
#include <span>
#include <thread>
#include <tuple>

#include "assistant/sentence_buffer.h"
#include "assistant/text_pump.h"
#include "obs/log.h"
#include "obs/span.h"

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::string_view kAgentSpan = "invoke_agent AI Agent";
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

Json bare_json(const Asked& bare) {
  Json said = {{"message", bare.answer ? bare.answer->text : bare.shown},
               {"latency_ms", bare.latency_ms}};
  if (!bare.answer) {
    said["error_code"] = name_of(bare.answer.error().code);
    return said;
  }
  if (!bare.answer->model.empty()) said["model"] = bare.answer->model;
  if (!bare.answer->usage.is_null()) said["usage"] = bare.answer->usage;
  return said;
}

Json Turns::stamp() const {
  return {{"timestamp", render_timestamp(clock_.wall_now())}};
}

// What came before the question; the question is kept when it returns.
Result<Turns::Question> Turns::begin(const Turn& turn) {
  Question question;
  ASSIGN_OR_RETURN(question.history,
                   store_.load(store_context(), turn.session, kPromptMessagesMax));
  if (!turn.retry) {
    question.text = turn.question;
    const Message asked{.role = kUser, .text = question.text, .extras = stamp()};
    RETURN_IF_ERROR(store_.append(store_context(), turn.session, std::span(&asked, 1)));
    return question;
  }
  if (question.history.empty() || question.history.back().role != kUser) {
    return fail(ErrorCode::kFailedPrecondition, "There is no unanswered question to ask again");
  }
  question.text = question.history.back().text;
  question.history.pop_back();
  return question;
}

Json Turns::body_for(Source source, const Question& question) const {
  if (options_.index_name.empty()) {
    return plan_completion(options_, question.history, question.text);
  }
  if (source == Source::kIndex) {
    return plan_completion(options_, history_with_sources(question.history), question.text);
  }
  PromptOptions bare = options_;
  bare.index_name.clear();
  return plan_completion(bare, history_without_sources(question.history), question.text);
}

Asked Turns::ask(const Context& context, const Turn& turn, Source source, const Question& question,
                 const OnText& on_text) {
  const Upstream& upstream = source == Source::kIndex ? upstream_ : direct_;
  const Json body = body_for(source, question);
  const auto started = clock_.now();
  Asked asked;
  bool listening = true;
  const auto show = [&](std::string_view text) {
    if (text.empty()) return true;
    asked.shown += text;
    return on_text(text);
  };
  if (!turn.stream) {
    asked.answer = upstream.complete(context, body);
  } else {
    // A RAG service lets whole, verified sentences through already.
    const bool whole = source == Source::kIndex && !options_.index_name.empty();
    SentenceBuffer sentences;
    metrics_.stream_began();
    asked.answer = upstream.stream(context, body, [&](std::string_view piece) {
      listening = whole ? show(piece) : show(sentences.feed(piece));
      return listening;
    });
    metrics_.stream_ended();
    if (listening) listening = show(sentences.finish());
  }
  if (asked.answer && !listening) asked.answer = fail(ErrorCode::kCancelled, "the caller has gone");
  asked.took = clock_.now() - started;
  metrics_.asked(asked.took, asked.answer);
  asked.latency_ms = std::chrono::duration_cast<std::chrono::milliseconds>(asked.took).count();
  return asked;
}

// Two requests at once, their texts on this thread.
std::pair<Asked, Asked> Turns::ask_both(const Context& context, const Turn& turn,
                                        const Question& question, const OnText& on_text,
                                        const OnText& on_bare) {
  TextPump pump(2);
  Asked grounded;
  Asked bare;
  obs::Span& span = obs::current_span();
  {
    const std::jthread first([&] {
      const obs::SpanScope scope(span);
      grounded = ask(context, turn, Source::kIndex, question,
                     [&](std::string_view text) { return pump.push(0, text); });
      pump.end();
    });
    const std::jthread second([&] {
      const obs::SpanScope scope(span);
      bare = ask(context, turn, Source::kModel, question,
                 [&](std::string_view text) { return pump.push(1, text); });
      pump.end();
    });
    pump.run({on_text, on_bare});
  }
  return {std::move(grounded), std::move(bare)};
}

Result<TurnOutcome> Turns::run(const Context& context, const Turn& turn, const OnText& on_text,
                               const OnText& on_bare) {
  obs::ScopedSpan span(kAgentSpan);
  span->set("gen_ai.operation.name", "invoke_agent");
  span->set("gen_ai.provider.name", "rage");
  span->set("gen_ai.agent.name", kAgentName);
  span->set("gen_ai.conversation.id", turn.session);
  span->set("gen_ai.request.model", options_.model);
  if (!options_.index_name.empty()) span->set("gen_ai.data_source.id", options_.index_name);
  auto outcome = answer(context, turn, on_text, on_bare);
  if (!outcome) span->fail(name_of(outcome.error().code));
  return outcome;
}

Result<TurnOutcome> Turns::answer(const Context& context, const Turn& turn, const OnText& on_text,
                                  const OnText& on_bare) {
  const SteadyTime began = clock_.now();
  save_unsaved();
  ASSIGN_OR_RETURN(const Question question, begin(turn));
  const bool has_index = !options_.index_name.empty();
  TurnOutcome outcome;
  Asked asked;
  if (has_index && turn.mode == AnswerMode::kCompare) {
    outcome.mode = "compare";
    std::tie(asked, outcome.bare) = ask_both(context, turn, question, on_text, on_bare);
  } else {
    const bool direct = has_index && turn.mode == AnswerMode::kDirect;
    if (direct) outcome.mode = "direct";
    asked = ask(context, turn, direct ? Source::kModel : Source::kIndex, question, on_text);
  }
  outcome.latency_ms = asked.latency_ms;
  if (!asked.answer) {
    Json extras = stamp();
    if (!outcome.mode.empty()) extras[kModeExtra] = outcome.mode;
    if (outcome.bare) extras[kBareExtra] = bare_json(*outcome.bare);
    keep_stopped(turn.session, asked, std::move(extras));
    settle(turn.session);
    return fail(std::move(asked.answer).error());
  }
  outcome.answer = *std::move(asked.answer);
  outcome.saved = keep_answer(turn.session, outcome) && settle(turn.session);
  metrics_.own(clock_.now() - began - asked.took);
  return outcome;
}

bool Turns::keep_answer(const std::string& session, const TurnOutcome& outcome) {
  Json extras = answer_extras(stamp(), outcome.answer, outcome.latency_ms);
  if (!outcome.mode.empty()) extras[kModeExtra] = outcome.mode;
  if (outcome.bare) extras[kBareExtra] = bare_json(*outcome.bare);
  return keep(session,
              {.role = kAssistant, .text = outcome.answer.text, .extras = std::move(extras)});
}

// What a reader saw before leaving.
void Turns::keep_stopped(const std::string& session, const Asked& asked, Json extras) {
  if (asked.answer.error().code != ErrorCode::kCancelled || asked.shown.empty()) return;
  extras = answer_extras(std::move(extras), {}, asked.latency_ms);
  extras["stopped"] = true;
  (void)keep(session, {.role = kAssistant, .text = asked.shown, .extras = std::move(extras)});
}

Result<void> Turns::store_answer(const std::string& session, const Message& answer) {
  const auto known = store_.find(store_context(), session);
  if (!known && known.error().code == ErrorCode::kNotFound) return {};  // Deleted meanwhile.
  if (!known) return fail(known.error());
  return store_.append(store_context(), session, std::span(&answer, 1));
}

bool Turns::keep(const std::string& session, Message answer) {
  const auto kept = store_answer(session, answer);
  if (kept) return true;
  const bool full = unsaved_.with([&](auto& unsaved) {
    if (unsaved.size() >= kUnsavedMax) return true;
    unsaved.push_back({.session = session, .message = std::move(answer)});
    metrics_.set_unsaved(unsaved.size());
    return false;
  });
  obs::log().warn(full ? "the history took no answer; too many wait already, this one is lost"
                       : "the history took no answer; it will be offered again",
                  {{"session", session}, {"error", kept.error().message}});
  return false;
}

bool Turns::settle(const std::string& session) {
  const auto settled = store_.settle(store_context());
  if (settled) return true;
  obs::log().warn("a conversation may not survive a power failure",
                  {{"session", session}, {"error", settled.error().message}});
  return false;
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
