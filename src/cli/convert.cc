#include "cli/convert.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"
#include "text/unicode.h"

namespace rage::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kConverterGrace{200};
constexpr milliseconds kConverterPoll{200};
constexpr std::uint64_t kConverterErrorBytesMax = 64 << 10;
constexpr std::size_t kReasonBytesMax = 200;

// Sanitizers reserve terabytes of addresses: a limit would end our own program before its first
// line.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kAddressesAreScarce = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kAddressesAreScarce = false;
#else
constexpr bool kAddressesAreScarce = true;
#endif
#else
constexpr bool kAddressesAreScarce = true;
#endif

bool is_pdf(std::string_view name) {
  return to_lower_ascii(name).ends_with(".pdf");
}

// Value. Closes on scope exit.
class OpenFile final {
 public:
  OpenFile(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

ProcessOptions converter(std::string_view name, const ConvertOptions& options) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.time_max).count();
  ProcessOptions process;
  process.inherit = ProcessOptions::Inherit::kNothing;  // No tokens of ours.
  process.file_bytes_max = options.text_bytes_max;
  process.cpu_seconds_max = static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 1));
  process.network = ProcessOptions::Network::kNone;
  if (is_pdf(name)) {
    process.argv = {options.pdf_program, "-enc", "UTF-8", "-", "-"};
    process.memory_bytes_max = options.memory_bytes_max;
  } else {
    process.argv = options.docx_program;
    if (kAddressesAreScarce) process.memory_bytes_max = options.memory_bytes_max;
  }
  return process;
}

// The first line that says something, without the name of the program that says it; warnings only
// if there is nothing else.
std::string reason_in(std::string_view errors, const ExitStatus& status) {
  std::string_view warning;
  for (std::string_view line : split(errors, '\n')) {
    line = trim(line);
    if (line.starts_with("rage: ")) line.remove_prefix(6);
    line = line.substr(0, kReasonBytesMax);
    if (line.contains("Warning")) {
      if (warning.empty()) warning = line;
    } else if (!line.empty()) {
      return text::to_valid_utf8(line);
    }
  }
  return warning.empty() ? describe(status) : text::to_valid_utf8(warning);
}

Error failure(const ExitStatus& status, const fs::path& errors, const ConvertOptions& options) {
  if (status.signal == SIGXCPU || status.signal == SIGKILL) {
    return {.code = ErrorCode::kDeadlineExceeded,
            .message = "reading it took too much processor time or memory"};
  }
  if (status.signal == SIGXFSZ) {
    return {
        .code = ErrorCode::kResourceExhausted,
        .message = fmt::format("its text is larger than {} MiB", options.text_bytes_max >> 20U)};
  }
  return {.code = ErrorCode::kInvalidArgument,
          .message = reason_in(read_file(errors, kConverterErrorBytesMax).value_or(""), status)};
}

Result<ExitStatus> wait_for(const Context& context, ChildProcess& child, milliseconds time_max) {
  const auto deadline = steady_clock::now() + context.remaining(time_max);
  while (true) {
    const auto now = steady_clock::now();
    if (const auto status = child.wait(std::min(deadline, now + kConverterPoll))) return *status;
    if (steady_clock::now() < deadline && context.check()) continue;
    child.terminate(kConverterGrace);
    RETURN_IF_ERROR(context.check());
    return fail(ErrorCode::kDeadlineExceeded, "reading it took longer than {} s",
                std::chrono::ceil<std::chrono::seconds>(time_max).count());
  }
}

// Pages end in form feeds.
std::string pages_apart(std::string_view text) {
  std::string apart;
  for (const char c : text) {
    if (c == '\f') {
      apart += "\n\n";
    } else if (c != '\0') {
      apart += c;
    }
  }
  return std::string(trim(apart));
}

}  // namespace

bool is_convertible_name(std::string_view name) {
  return is_pdf(name) || to_lower_ascii(name).ends_with(".docx");
}

Result<ConvertedDocument> convert_document(const Context& context, std::string_view name,
                                           std::string_view content,
                                           const ConvertOptions& options) {
  RETURN_IF_ERROR(context.check());
  ASSIGN_OR_RETURN(const auto folder, TemporaryDirectory::create("rage-convert-"));
  RETURN_IF_ERROR(write_file_atomically(folder->path() / "in", content));
  const OpenFile in(folder->path() / "in", O_RDONLY);
  const OpenFile out(folder->path() / "out", O_WRONLY | O_CREAT);
  ProcessOptions process = converter(name, options);
  process.working_directory = folder->path();
  process.stdin_fd = in.fd();
  process.stdout_fd = out.fd();
  process.log_file = folder->path() / "errors";
  const auto child = ChildProcess::spawn(process);
  if (!child && child.error().code == ErrorCode::kNotFound && is_pdf(name)) {
    return fail(ErrorCode::kFailedPrecondition,
                "PDF files are read by {}, which is not installed: install the package "
                "poppler-utils",
                options.pdf_program);
  }
  if (!child) return fail(child.error());
  ASSIGN_OR_RETURN(const ExitStatus status, wait_for(context, **child, options.time_max));
  if (status.code != 0) return fail(failure(status, folder->path() / "errors", options));
  ASSIGN_OR_RETURN(const std::string text,
                   read_file(folder->path() / "out", options.text_bytes_max));
  ConvertedDocument document{.text = pages_apart(text::to_valid_utf8(text)),
                             .markdown = !is_pdf(name)};
  if (document.text.empty()) {
    return fail(ErrorCode::kInvalidArgument, "{}",
                is_pdf(name) ? "there is no text in it, only pictures" : "there is no text in it");
  }
  return document;
}

}  // namespace rage::cli
