#include "cli/commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/strings.h"
#include "cli/document_files.h"
#include "cli/side_by_side.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

using codec::Json;

// Many bodies are refused above some size; this stays well below every service's limit.
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
constexpr std::size_t kSnippetCodePoints = 100;

// One line on standard error, redrawn on a terminal, silent otherwise.
class Progress final {
 public:
  explicit Progress(std::size_t total) : total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}
  void show(std::size_t done) const {
    if (!terminal_) return;
    constexpr std::size_t kWidth = 30;
    const std::size_t filled = total_ == 0 ? kWidth : done * kWidth / total_;
    fmt::print(stderr, "\r[{}{}] {}/{} documents", std::string(filled, '#'),
               std::string(kWidth - filled, '.'), done, total_);
    if (done == total_) fmt::print(stderr, "\n");
    std::fflush(stderr);
  }

 private:
  const std::size_t total_;
  const bool terminal_;
};

// How many documents from `first` go into one request.
std::size_t portion(const std::vector<DocumentJson>& documents, std::size_t first,
                    std::size_t most) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (first + count < documents.size() && count < most) {
    bytes += codec::render_json(documents[first + count]).size();
    if (count > 0 && bytes > kBatchBytesMax) break;
    ++count;
  }
  return count;
}

std::string first_words(std::string_view text) {
  std::string line(text::take_code_points(text, kSnippetCodePoints));
  std::ranges::replace_if(line, [](char c) { return c == '\n' || c == '\t' || c == '\r'; }, ' ');
  return line.size() < text.size() ? line + "…" : line;
}

Json chat_body(const AskCommand& command) {
  Json body = {{"messages", Json::array({{{"role", "user"}, {"content", command.question}}})}};
  body["max_tokens"] = command.tokens_max;
  if (!command.index.empty()) body["index_name"] = command.index;
  if (!command.model.empty()) body["model"] = command.model;
  return body;
}

}  // namespace

Result<IndexSummary> run_index(const Context& context, RagClient& client,
                               const IndexCommand& command) {
  const LoadedDocuments loaded = load_documents(context, command.paths, command.convert);
  for (const SkippedFile& file : loaded.skipped) {
    fmt::print(stderr, "skipped {}: {}\n", file.path, file.reason);
  }
  if (loaded.documents.empty()) {
    return fail(ErrorCode::kInvalidArgument, "nothing to index in {}", join(command.paths, ", "));
  }
  RETURN_IF_ERROR(context.check());
  const auto missed = static_cast<std::size_t>(
      std::ranges::count_if(loaded.skipped, [](const SkippedFile& file) { return file.missed; }));
  const Progress progress(loaded.documents.size());
  std::size_t done = 0;
  while (done < loaded.documents.size()) {
    progress.show(done);
    const std::size_t count = portion(loaded.documents, done, command.documents_per_request);
    Json documents = Json::array();
    for (std::size_t i = done; i < done + count; ++i) documents.push_back(loaded.documents[i]);
    auto stored = client.post(context, "/index",
                              {{"index_name", command.index}, {"documents", std::move(documents)}});
    if (!stored) {
      return fail(std::move(stored).error().with_context(
          fmt::format("{} of {} documents are stored; run the same command again to go on", done,
                      loaded.documents.size())));
    }
    done += count;
  }
  progress.show(done);
  if (command.format == OutputFormat::kJson) {
    Json skipped = Json::array();
    for (const SkippedFile& file : loaded.skipped) {
      skipped.push_back({{"path", file.path}, {"reason", file.reason}});
    }
    fmt::print("{}\n", codec::render_json({{"index", command.index},
                                           {"documents", done},
                                           {"missed", missed},
                                           {"skipped", skipped}}));
  } else {
    fmt::print("{} documents are in the index '{}'.\n", done, command.index);
    if (missed > 0) fmt::print("{} files could not be read and are missing in it.\n", missed);
  }
  std::fflush(stdout);
  return IndexSummary{.documents = done, .files_missed = missed};
}

Result<void> run_retrieve(const Context& context, RagClient& client,
                          const RetrieveCommand& command) {
  Json body = {{"index_name", command.index},
               {"query", command.query},
               {"max_node_count", command.hits_max}};
  if (!command.metadata_filter.empty()) {
    auto filter = codec::parse_json(command.metadata_filter);
    if (!filter || !filter->is_object()) {
      return fail(ErrorCode::kInvalidArgument,
                  "--filter takes a JSON object, such as '{{\"topic\":\"Security\"}}'");
    }
    body["metadata_filter"] = *std::move(filter);
  }
  ASSIGN_OR_RETURN(const Json reply, client.post(context, "/retrieve", body));
  if (command.format == OutputFormat::kJson) {
    fmt::print("{}\n", codec::render_json(reply));
    return {};
  }
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const Json results = reply.value("results", Json::array());
  if (results.empty()) fmt::print(stderr, "no results\n");
  for (const Json& hit : results) {
    const Json metadata = hit.value("metadata", Json::object());
    const std::string title = codec::string_or(metadata, "title", "");
    const std::string text = codec::string_or(hit, "text", "");
    if (terminal) {
      fmt::print("{:.3f}  {}\n       {}\n", codec::number_or(hit, "score", 0),
                 title.empty() ? codec::string_or(hit, "doc_id", "").substr(0, 12) : title,
                 first_words(text));
    } else {  // For scripts: score, document, title, text, separated by tabs.
      fmt::print("{:.6f}\t{}\t{}\t{}\n", codec::number_or(hit, "score", 0),
                 codec::string_or(hit, "doc_id", ""), first_words(title), first_words(text));
    }
  }
  return {};
}

std::string answer_of(const Json& completion) {
  const Json* choices = codec::find_key(completion, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return {};
  const Json* message = codec::find_key((*choices)[0], "message");
  return message == nullptr ? std::string() : codec::string_or(*message, "content", "");
}

Result<Json> ask_once(const Context& context, RagClient& client, const AskCommand& command) {
  return client.post(context, "/v1/chat/completions", chat_body(command));
}

Result<void> run_ask(const Context& context, RagClient& client, const AskCommand& command) {
  if (command.format == OutputFormat::kJson) {
    ASSIGN_OR_RETURN(const Json completion, ask_once(context, client, command));
    fmt::print("{}\n", codec::render_json(completion));
    return {};
  }
  Json last;  // The chunk with the grounding.
  const auto on_chunk = [&](const Json& chunk) {
    const Json* choices = codec::find_key(chunk, "choices");
    if (choices != nullptr && choices->is_array() && !choices->empty()) {
      const Json* delta = codec::find_key((*choices)[0], "delta");
      if (delta != nullptr) fmt::print("{}", codec::string_or(*delta, "content", ""));
      std::fflush(stdout);
    }
    if (codec::find_key(chunk, "grounding") != nullptr) last = chunk;
  };
  RETURN_IF_ERROR(client.stream_chat(context, chat_body(command), on_chunk));
  fmt::print("\n");
  fmt::print("{}", render_sources(last));
  return {};
}

}  // namespace rage::cli
