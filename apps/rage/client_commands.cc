// `rage index`, `rage reindex`, `rage retrieve`, `rage ask`, `rage explain`.
#include <chrono>
#include <cstdlib>
#include <memory>

#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/reindex.h"
#include "index_commands.h"
#include "net/http_client.h"
#include "rag_connection.h"
#include "subcommands.h"

namespace rage::app {
namespace {

// The options every command against a service has.
struct Connection {
  RagConnection service;
  bool json = false;

  void add_to(CLI::App& command) {
    service.add_to(command);
    command.add_flag("--json", json, "Print JSON");
  }
  cli::OutputFormat format() const {
    return json ? cli::OutputFormat::kJson : cli::OutputFormat::kText;
  }
  template <class Run>
  int run(Run&& body) const {
    const auto transport = net::make_http_transport();
    auto options = service.options();
    if (!options) return exit_code_of(fail(std::move(options).error()));
    cli::RagClient client(*transport, *std::move(options));
    return exit_code_of(body(client));
  }
};

}  // namespace

void add_index(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("index", "Put files, folders or standard input into an index");
  auto connection = std::make_shared<Connection>();
  auto options = std::make_shared<cli::IndexCommand>();
  command->add_option("index", options->index, "Name of the index; created if absent")->required();
  command->add_option("paths", options->paths, "Files, folders, or - for standard input")
      ->required();
  command->add_option("--batch", options->documents_per_request, "Documents a request")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  auto seconds = std::make_shared<int>(60);
  command->add_option("--convert-timeout", *seconds, "Seconds for reading one PDF or Word file")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  connection->add_to(*command);
  command->footer(
      "Reads text, Markdown, HTML, PDF (with pdftotext of the package poppler-utils), Word "
      "(.docx),\n"
      "source code, JSON ({\"documents\": [{\"text\", \"metadata\"}]} or a list) and JSON lines.\n"
      "What is already there is skipped, so running the command again resumes it.\n"
      "Exit codes: 0 all is indexed; 1 it failed; 3 files could not be read, the rest is indexed.\n"
      "Examples:\n"
      "  rage index handbook docs/ README.md\n"
      "  rage index schedule examples/scale23x/schedule_index.json\n"
      "  generate-jsonl | rage index events -");
  command->callback([=, &exit_code] {
    options->format = connection->format();
    options->convert.time_max = std::chrono::seconds(*seconds);
    std::size_t missed = 0;
    exit_code = connection->run([&](cli::RagClient& client) -> Result<void> {
      ASSIGN_OR_RETURN(const cli::IndexSummary summary,
                       cli::run_index(Context{}, client, *options));
      missed = summary.files_missed;
      return {};
    });
    if (exit_code == 0 && missed > 0) exit_code = 3;
  });
}

void add_reindex(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "reindex", "Embed an index anew with the embedder that the service runs, while it serves");
  auto connection = std::make_shared<Connection>();
  auto options = std::make_shared<cli::ReindexCommand>();
  CLI::Option* index = command->add_option("index", options->index, "Name of the index");
  command->add_flag("--all", options->all, "All indexes that have another embedder")
      ->excludes(index);
  connection->add_to(*command);
  command->footer(
      "The old vectors answer, and writes are taken, until all is done. A run that is stopped "
      "loses\n"
      "nothing: the next goes on where it stopped.\n"
      "Examples:\n"
      "  rage rag --embedder hf://BAAI/bge-small-en-v1.5 --old-embedder "
      "packaged:all-MiniLM-L6-v2\n"
      "  rage reindex handbook\n"
      "  rage reindex --all");
  command->callback([=, &exit_code] {
    options->format = connection->format();
    exit_code = connection->run(
        [&](cli::RagClient& client) { return cli::run_reindex(Context{}, client, *options); });
  });
}

void add_retrieve(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("retrieve", "Search an index without asking a model");
  auto connection = std::make_shared<Connection>();
  auto options = std::make_shared<cli::RetrieveCommand>();
  command->add_option("index", options->index, "Name of the index")->required();
  command->add_option("query", options->query, "What to search for")->required();
  command->add_option("-n,--hits", options->hits_max, "Results at most")
      ->check(CLI::Range(1, 300))
      ->capture_default_str();
  command->add_option("--filter", options->metadata_filter,
                      "JSON object that the metadata must match");
  connection->add_to(*command);
  command->footer(
      "Without a terminal it prints score, document id, title and text, separated by tabs.\n"
      "Examples:\n"
      "  rage retrieve schedule \"kubernetes at the edge\"\n"
      "  rage retrieve schedule postgres -n 20 --filter '{\"location\": \"Ballroom H\"}'");
  command->callback([=, &exit_code] {
    options->format = connection->format();
    exit_code = connection->run(
        [&](cli::RagClient& client) { return cli::run_retrieve(Context{}, client, *options); });
  });
}

void add_ask(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("ask", "Ask a question; the answer stays with the sources");
  auto connection = std::make_shared<Connection>();
  auto options = std::make_shared<cli::AskCommand>();
  auto ungrounded = std::make_shared<bool>(false);
  command->add_option("index", options->index, "Name of the index")->required();
  command->add_option("question", options->question, "The question")->required();
  command->add_option("--model", options->model, "Model to ask; the service's default if absent");
  command->add_flag("--ungrounded", *ungrounded, "Ask the bare model, without the index");
  connection->add_to(*command);
  command->footer(
      "Examples:\n"
      "  rage ask schedule \"Who gives the keynote on Sunday and where?\"\n"
      "  rage ask schedule \"When does Linus Torvalds speak?\"      says that the sources do not "
      "tell\n"
      "  rage ask schedule --ungrounded \"Who gives the keynote?\"  what the bare model invents");
  command->callback([=, &exit_code] {
    options->format = connection->format();
    if (*ungrounded) options->index.clear();
    exit_code = connection->run(
        [&](cli::RagClient& client) { return cli::run_ask(Context{}, client, *options); });
  });
}

void add_explain(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("explain", "Why an answer says what it says");
  auto connection = std::make_shared<Connection>();
  auto options = std::make_shared<cli::ExplainCommand>();
  auto output = std::make_shared<std::string>();
  command->add_option("answer", options->id,
                      "Id of the chat completion; without it the last answers are listed");
  command->add_option("-o,--output", *output, "json or text")
      ->check(CLI::IsMember({"json", "text"}));
  connection->add_to(*command);
  command->footer(
      "The service keeps its last answers in memory: `rage rag --answers-kept`.\n"
      "Examples:\n"
      "  rage explain                                      the last answers and their ids\n"
      "  rage explain 0f8c5a1d0f8c4e3b9a77d5b1c2e4f6a8\n"
      "  rage explain 0f8c5a1d0f8c4e3b9a77d5b1c2e4f6a8 -o json");
  command->callback([=, &exit_code] {
    options->format = *output == "json" ? cli::OutputFormat::kJson : connection->format();
    exit_code = connection->run(
        [&](cli::RagClient& client) { return cli::run_explain(Context{}, client, *options); });
  });
}

}  // namespace rage::app
