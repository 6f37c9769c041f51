// What git prints, patterns, paths and URLs as anybody may have written them. What is read must lie
// within the input, and nothing may end the process.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "cli/detail/git_output.h"
#include "cli/document_files.h"
#include "cli/globs.h"
#include "cli/html_text.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto entries = cli::detail::parse_tree(bytes)) {
    for (const auto& entry : *entries) CHECK(!entry.path.empty() && !entry.object.empty());
  }
  const std::size_t end = std::min(bytes.find(' '), bytes.size());
  if (const auto blobs = cli::detail::parse_blobs(bytes, {std::string(bytes.substr(0, end))})) {
    CHECK(blobs->size() == 1 && (*blobs)[0].size() < bytes.size());
  }
  const std::size_t line = std::min(bytes.find('\n'), bytes.size());
  const std::string_view path = bytes.substr(line + (line < bytes.size() ? 1 : 0));
  if (size <= 2048) {
    static_cast<void>(cli::matches_glob(bytes.substr(0, line), path));
    CHECK(path.empty() || path.starts_with('/') || cli::matches_glob("**", path));
  }
  if (const auto remote =
          cli::detail::parse_remote_url(bytes, cli::detail::LocalSources::kRefused)) {
    CHECK(!remote->host.empty() && !remote->host.starts_with('-'));
    CHECK(remote->scheme == "ssh" || remote->scheme == "https");
  }
  if (cli::detail::is_plain_ref(bytes)) CHECK(!bytes.starts_with('-'));
  if (text::is_valid_utf8(bytes)) {
    const cli::HtmlText page = cli::read_html(bytes);
    CHECK(text::is_valid_utf8(page.text) && text::is_valid_utf8(page.title));
    CHECK(text::is_valid_utf8(cli::read_html_as_markdown(bytes).text));
  }
  for (const char* name : {"a.md", "a.json", "a.jsonl"}) {
    static_cast<void>(cli::parse_documents(name, bytes));
  }
  return 0;
}
