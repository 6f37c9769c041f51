#include "cli/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/files.h"
#include "cli/eval_assistant.h"
#include "cli/eval_grade.h"
#include "cli/eval_html.h"
#include "cli/eval_report.h"
#include "codec/uri.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::uint64_t kQuestionBytesMax = std::uint64_t{16} << 20;
constexpr std::uint64_t kReportBytesMax = std::uint64_t{256} << 20;
constexpr int kAnswerTokensMax = 400;
constexpr int kSearchDepth = 40;  // Chunks; ten documents may need more than ten.

Json body_of(const EvalCommand& command, const EvalQuestion& question) {
  Json messages = question.history;
  messages.push_back({{"role", "user"}, {"content", question.question}});
  Json body = {{"index_name", command.index},
               {"messages", std::move(messages)},
               {"max_tokens", kAnswerTokensMax}};
  if (!command.model.empty()) body["model"] = command.model;
  return body;
}

// Without these no further question can be answered either.
bool ends_run(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kNotFound ||
         error.code == ErrorCode::kCancelled;
}

// How the answer came about, if the service keeps that; it is no part of the answer's time.
void explain(const Context& context, RagClient& client, EvalReply& reply) {
  if (reply.id.empty()) return;
  if (const auto trace = client.get(context, "/answers/" + codec::percent_encode(reply.id)))
    read_eval_trace(*trace, reply);
}

// What a search for the question finds, by address.
Result<double> measure_search(const Context& context, RagClient& client, const EvalCommand& command,
                              const EvalRow& row) {
  const std::string& standalone = row.reply.standalone_question;
  const Json body = {{"index_name", command.index},
                     {"query", standalone.empty() ? row.question.question : standalone},
                     {"max_node_count", kSearchDepth}};
  ASSIGN_OR_RETURN(const Json found, client.post(context, "/retrieve", body));
  std::vector<std::string> ranking;
  const Json* results = codec::find_key(found, "results");
  for (std::size_t i = 0; results != nullptr && i < results->size(); ++i) {
    const Json* metadata = codec::find_key((*results)[i], "metadata");
    const std::string url = metadata == nullptr ? "" : codec::string_or(*metadata, "url", "");
    if (std::ranges::find(ranking, url) == ranking.end()) ranking.push_back(url);
  }
  return ndcg_at_10(ranking, row.question.qrels);
}

Result<EvalRow> ask(const Context& context, RagClient& client, const Clock& clock,
                    const EvalCommand& command, EvalQuestion question) {
  Context limited = context;
  const SteadyTime began = clock.now();
  limited.deadline = began + std::chrono::seconds(command.seconds_max);
  const auto completion = command.index.empty() ? ask_assistant(limited, client, question)
                                                : client.post(limited, "/v1/chat/completions",
                                                              body_of(command, question));
  const std::chrono::duration<double, std::milli> took = clock.now() - began;
  EvalRow row{.question = std::move(question), .reply = {}, .grade = {}, .ndcg10 = {}};
  if (completion) {
    row.reply = read_eval_reply(*completion);
  } else {
    if (ends_run(completion.error()))
      return fail(Error(completion.error()).with_context("question " + row.question.id));
    row.reply.error = completion.error().message;
  }
  row.reply.latency_ms = took.count();
  row.grade = grade_reply(row.question, row.reply);
  explain(limited, client, row.reply);
  if (!row.question.qrels.empty() && !command.index.empty()) {
    ASSIGN_OR_RETURN(row.ndcg10, measure_search(limited, client, command, row));
  }
  return row;
}

Result<std::vector<EvalQuestion>> load_questions(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kQuestionBytesMax));
  auto questions = parse_eval_questions(text);
  if (!questions) return fail(std::move(questions).error().with_context(path));
  return questions;
}

// Read before the first question: a mistyped name should not cost a run.
Result<std::optional<Json>> load_report(const std::string& path) {
  if (path.empty()) return std::optional<Json>{};
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kReportBytesMax));
  auto report = codec::parse_json(text, {.bytes_max = kReportBytesMax});
  if (!report) return fail(std::move(report).error().with_context(path));
  return std::optional<Json>(*std::move(report));
}

}  // namespace

Result<EvalOutcome> run_eval(const Context& context, RagClient& client, const Clock& clock,
                             const EvalCommand& command) {
  ASSIGN_OR_RETURN(auto questions, load_questions(command.questions_file));
  ASSIGN_OR_RETURN(const auto before, load_report(command.compare_file));
  std::vector<EvalRow> rows;
  rows.reserve(questions.size());
  for (EvalQuestion& question : questions) {
    ASSIGN_OR_RETURN(auto row, ask(context, client, clock, command, std::move(question)));
    rows.push_back(std::move(row));
  }
  const EvalReport report = summarize(rows);
  const Json json = eval_json(report, rows);
  const bool as_json = command.format == OutputFormat::kJson;
  fmt::print("{}",
             as_json ? codec::render_json_pretty(json) + "\n" : render_eval_table(report, rows));
  if (!command.html_file.empty()) {
    const EvalPageFacts facts{.index = command.index, .questions_file = command.questions_file};
    RETURN_IF_ERROR(
        write_file_atomically(command.html_file, render_eval_page(report, rows, facts)));
  }
  if (!before) return EvalOutcome::kFine;
  auto comparison = compare_evals(*before, json, command.tolerance);
  if (!comparison) return fail(std::move(comparison).error().with_context(command.compare_file));
  fmt::print(as_json ? stderr : stdout, "{}", render_comparison(*comparison));
  return comparison->regression ? EvalOutcome::kRegression : EvalOutcome::kFine;
}

}  // namespace rage::cli
