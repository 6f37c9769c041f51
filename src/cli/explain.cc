#include "cli/explain.h"

#include <fmt/format.h>

#include <cstdio>
#include <vector>

#include "cli/eval_grade.h"
#include "codec/uri.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kListedMax = 50;

// What a document says must not move the cursor of a terminal.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 ? byte != 0x7F : c == '\n' || c == '\t') out += c;
  }
  return out;
}

std::string score(const std::optional<double>& value) {
  return value ? fmt::format("{:.3f}", *value) : "-";
}

std::string candidates_text(const EvalReply& reply) {
  if (reply.candidates.empty()) return {};
  std::string text =
      "\nfound                                              score  meaning   words\n";
  for (const EvalCandidate& one : reply.candidates) {
    std::string title = plain(one.title.empty() ? one.url : one.title);
    if (title.size() > 46) title = title.substr(0, title.find_last_of(' ', 46));
    text += fmt::format("{} {:<48} {:.3f}  {:>7}  {:>6}  {}\n", one.used ? "+" : "-", title,
                        one.score, score(one.dense), score(one.sparse), plain(one.why));
  }
  return text;
}

std::string sentences_text(const EvalReply& reply) {
  if (reply.sentences.empty()) return {};
  std::string text = "\nthe model's sentences\n";
  for (const EvalSentence& sentence : reply.sentences) {
    const std::string_view verdict = !sentence.dropped.empty() ? "partly   "
                                     : sentence.supported      ? "supported"
                                     : sentence.shown          ? "marked   "
                                                               : "dropped  ";
    text += fmt::format("{}  {}", verdict, plain(sentence.text));
    if (!sentence.dropped.empty()) text += "  without “" + plain(sentence.dropped) + "”";
    if (!sentence.reason.empty()) text += "  (" + plain(sentence.reason) + ")";
    text += "\n";
  }
  return text;
}

std::string list_text(const Json& answers) {
  std::string text;
  for (std::size_t i = 0; answers.is_array() && i < answers.size() && i < kListedMax; ++i) {
    text += fmt::format("{}  {:<10}  {}\n", plain(codec::string_or(answers[i], "id", "")),
                        plain(codec::string_or(answers[i], "mode", "")),
                        plain(codec::string_or(answers[i], "question", "")));
  }
  return text.empty() ? "no answers were given yet\n" : text;
}

}  // namespace

std::string render_explanation(const Json& trace) {
  // The record is the grounding of a reply, and more: it reads as one.
  EvalReply reply = read_eval_reply({{"grounding", trace}});
  read_eval_trace(trace, reply);
  std::string text =
      fmt::format("question     {}\n", plain(codec::string_or(trace, "question", "")));
  if (reply.standalone_question != codec::string_or(trace, "question", ""))
    text += fmt::format("searched for {}\n", plain(reply.standalone_question));
  text += fmt::format("index        {}\n", plain(codec::string_or(trace, "index_name", "")));
  for (const std::string& constraint : reply.constraints)
    text += fmt::format("demanded     {}\n", plain(constraint));
  text += fmt::format("found        {}\n", plain(reply.finding));
  if (reply.sufficiency) text += fmt::format("sufficiency  {:.3f}\n", *reply.sufficiency);
  text += fmt::format("answered     {} ({})\n\n{}\n", plain(reply.mode),
                      plain(codec::string_or(trace, "policy", "")),
                      plain(codec::string_or(trace, "answer", "")));
  text += sentences_text(reply) + candidates_text(reply);
  if (!reply.prompt.empty()) text += "\nthe model's prompt\n" + plain(reply.prompt);
  return text;
}

Result<void> run_explain(const Context& context, RagClient& client, const ExplainCommand& command) {
  const std::string path =
      command.id.empty() ? "/answers" : "/answers/" + codec::percent_encode(command.id);
  ASSIGN_OR_RETURN(const Json reply, client.get(context, path));
  const bool as_json = command.format == OutputFormat::kJson;
  const std::string text = as_json              ? codec::render_json_pretty(reply) + "\n"
                           : command.id.empty() ? list_text(reply)
                                                : render_explanation(reply);
  fmt::print("{}", text);
  return {};
}

}  // namespace rage::cli
