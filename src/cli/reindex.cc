#include "cli/reindex.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "codec/uri.h"

namespace rage::cli {
namespace {

using codec::Json;

// Between two lines: a page of long documents, with a slow embedder.
constexpr auto kSilenceMax = std::chrono::minutes(30);

void show_progress(const std::string& index, const Json& line) {
  if (isatty(STDERR_FILENO) == 0) return;
  fmt::print(stderr, "\r{}: {:.0f} of {:.0f} documents", index, codec::number_or(line, "done", 0),
             codec::number_or(line, "total", 0));
  std::fflush(stderr);
}

void print_outcome(const std::string& index, Json line, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    line["index"] = index;
    fmt::print("{}\n", codec::render_json(line));
    return;
  }
  const std::string from = codec::string_or(line, "from", "");
  const std::string to = codec::string_or(line, "to", "");
  if (codec::string_or(line, "status", "") == "unchanged") {
    fmt::print("{}: has the embedder {} already\n", index, to);
  } else {
    fmt::print("{}: {:.0f} documents, {} -> {}\n", index, codec::number_or(line, "documents", 0),
               from, to);
  }
}

Result<void> reindex_one(const Context& context, RagClient& client, const std::string& index,
                         const ReindexCommand& command) {
  Json last;
  bool shown = false;
  const std::string path = "/indexes/" + codec::percent_encode(index) + "/reindex" +
                           (command.all ? "?if_needed=true" : "");
  const Result<void> streamed =
      client.stream_lines(context, path, kSilenceMax, [&](const Json& line) {
        last = line;
        if (codec::string_or(line, "status", "") == "running") show_progress(index, line);
        shown = true;
      });
  if (shown && isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");
  RETURN_IF_ERROR(streamed);
  const std::string status = codec::string_or(last, "status", "");
  if (status != "done" && status != "unchanged") {
    return fail(ErrorCode::kUnavailable,
                "index '{}': {}. Run the command again: it goes on where this stopped", index,
                codec::string_or(last, "error", "the service ended the connection"));
  }
  print_outcome(index, std::move(last), command.format);
  return {};
}

}  // namespace

Result<void> run_reindex(const Context& context, RagClient& client, const ReindexCommand& command) {
  if (!command.all) {
    if (command.index.empty()) {
      return fail(ErrorCode::kInvalidArgument, "name an index, or give --all");
    }
    return reindex_one(context, client, command.index, command);
  }
  ASSIGN_OR_RETURN(const Json names, client.get(context, "/indexes"));
  for (const Json& name : names) {
    if (!name.is_string()) continue;
    RETURN_IF_ERROR(reindex_one(context, client, name.get<std::string>(), command));
  }
  return {};
}

}  // namespace rage::cli
