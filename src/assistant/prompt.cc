#include "assistant/prompt.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace rage::assistant {
namespace {

using codec::Json;

constexpr std::size_t kTokensPerMessage = 4;

bool is_turn(const Message& message) {
  return (message.role == kUser || message.role == kAssistant) && !message.text.empty();
}

bool is_direct(const Message& answer) {
  return codec::string_or(answer.extras, kModeExtra, "") == "direct";
}

// What the model said without sources in this answer, if anything.
std::optional<Message> bare_answer(const Message& answer) {
  if (is_direct(answer)) return answer;
  const Json* bare = codec::find_key(answer.extras, kBareExtra);
  std::string said = bare == nullptr ? "" : codec::string_or(*bare, "message", "");
  if (said.empty()) return std::nullopt;
  return Message{.role = kAssistant, .text = std::move(said)};
}

}  // namespace

const char* const kDefaultInstructions =
    "You are a helpful assistant and an expert in Linux and in free and open source software. You "
    "answer questions about open source projects and about the schedule of SCALE 23x, whose "
    "sessions you know by title, description, time and place. Whenever you speak of the schedule, "
    "name the sessions you speak of with title, location, date, time and speakers, and always give "
    "a session's URL on the site of the event. Put lists in chronological order. If you do not "
    "know, say so.";

std::size_t estimated_tokens(std::string_view text) {
  return text.size() / 4 + kTokensPerMessage;
}

std::span<const Message> within_budget(std::span<const Message> history, std::size_t tokens_max) {
  std::size_t first = history.size();
  std::size_t tokens = 0;
  for (std::size_t i = history.size(); i > 0; --i) {
    if (!is_turn(history[i - 1])) continue;
    tokens += estimated_tokens(history[i - 1].text);
    if (tokens > tokens_max) break;
    if (history[i - 1].role == kUser) first = i - 1;
  }
  return history.subspan(first);
}

std::vector<Message> history_with_sources(std::span<const Message> history) {
  std::vector<Message> kept;
  for (const Message& message : history) {
    if (message.role != kAssistant || !is_direct(message)) {
      kept.push_back(message);
    } else if (!kept.empty() && kept.back().role == kUser) {
      kept.pop_back();
    }
  }
  return kept;
}

std::vector<Message> history_without_sources(std::span<const Message> history) {
  std::vector<Message> kept;
  for (std::size_t i = 1; i < history.size(); ++i) {
    if (history[i - 1].role != kUser || history[i].role != kAssistant) continue;
    auto said = bare_answer(history[i]);
    if (!said) continue;
    kept.push_back(history[i - 1]);
    kept.push_back(*std::move(said));
  }
  return kept;
}

Json plan_completion(const PromptOptions& options, std::span<const Message> history,
                     std::string_view question) {
  const bool retrieval = !options.index_name.empty();
  Json messages = Json::array();
  if (!retrieval && !options.instructions.empty()) {
    messages.push_back({{"role", "system"}, {"content", options.instructions}});
  }
  // What precedes the first question of the list, wherever that is.
  std::string preamble;
  if (retrieval && !options.instructions.empty()) {
    preamble = fmt::format("[Instructions: {}]\n\n", options.instructions);
  }
  const auto add_question = [&](std::string_view text) {
    messages.push_back({{"role", kUser}, {"content", preamble + std::string(text)}});
    preamble.clear();
  };
  for (const Message& message : within_budget(history, options.history_tokens_max)) {
    if (!is_turn(message)) continue;
    if (message.role == kUser) {
      add_question(message.text);
    } else {
      messages.push_back({{"role", kAssistant}, {"content", message.text}, {"name", kAgentName}});
    }
  }
  add_question(question);
  Json body = {{"messages", std::move(messages)}, {"model", options.model}, {"stream", false}};
  if (retrieval) {
    body["index_name"] = options.index_name;
    body["max_tokens"] = options.answer_tokens_max;
  } else {
    body["max_completion_tokens"] = options.answer_tokens_max;
  }
  return body;
}

}  // namespace rage::assistant
