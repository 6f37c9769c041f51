// A Word document on standard input, Markdown on standard output.
#include "convert_docx.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "cli/docx_text.h"
#include "subcommands.h"

namespace rage::app {
namespace {

constexpr std::size_t kInputBytesMax = std::size_t{256} << 20;

Result<std::string> read_input() {
  std::string input;
  char piece[1 << 16];
  while (true) {
    const ssize_t got = ::read(STDIN_FILENO, piece, sizeof(piece));
    if (got == 0) return input;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorCode::kUnavailable, "standard input: {}", std::strerror(errno));
    input.append(piece, static_cast<std::size_t>(got));
    if (input.size() > kInputBytesMax) {
      return fail(ErrorCode::kResourceExhausted, "larger than {} MiB", kInputBytesMax >> 20U);
    }
  }
}

Result<void> convert() {
  ASSIGN_OR_RETURN(const std::string input, read_input());
  ASSIGN_OR_RETURN(const std::string text, cli::read_docx(input));
  const bool written =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!written) return fail(ErrorCode::kUnavailable, "standard output: {}", std::strerror(errno));
  return {};
}

}  // namespace

void add_convert_docx(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("convert-docx", "Word on standard input to Markdown");
  command->group("");  // Not listed.
  command->callback([&exit_code] { exit_code = exit_code_of(convert()); });
}

}  // namespace rage::app
