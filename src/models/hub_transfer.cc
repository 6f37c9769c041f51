#include "models/hub_transfer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/files.h"
#include "base/strings.h"

namespace rage::models {
namespace {

std::filesystem::path note_of(const std::filesystem::path& partial) {
  return partial.string() + ".etag";
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

PartialFile read_partial(const std::filesystem::path& partial) {
  constexpr std::uint64_t kNoteBytesMax = 1024;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(partial, error);
  if (error) return {};
  const auto note = read_file(note_of(partial), kNoteBytesMax);
  if (!note) return {};
  const auto lines = split(*note, '\n');
  if (lines.size() < 2 || lines[0].empty()) return {};
  PartialFile file{
      .bytes = bytes, .etag = std::string(lines[0]), .bytes_total = parse_uint(lines[1])};
  if (file.bytes_total && file.bytes > *file.bytes_total) return {};
  return file;
}

void remove_partial(const std::filesystem::path& partial) {
  std::error_code ignored;
  std::filesystem::remove(partial, ignored);
  std::filesystem::remove(note_of(partial), ignored);
}

std::string origin_of(std::string_view url) {
  const std::size_t authority = url.find("://");
  if (authority == std::string_view::npos) return {};
  const std::string scheme = to_lower_ascii(url.substr(0, authority));
  if (scheme != "http" && scheme != "https") return {};
  const std::size_t end = url.find_first_of("/?#", authority + 3);
  return to_lower_ascii(url.substr(0, end));
}

std::optional<std::string> resolve_location(std::string_view base, std::string_view location) {
  const std::string origin = origin_of(base);
  if (origin.empty() || location.empty()) return std::nullopt;
  std::string url;
  if (location.starts_with("//")) {
    url = fmt::format("{}{}", origin.substr(0, origin.find(':') + 1), location);
  } else if (location.starts_with('/')) {
    url = fmt::format("{}{}", origin, location);
  } else if (location.find("://") != std::string_view::npos) {
    url = std::string(location);
  } else {
    return std::nullopt;  // The hub sends whole paths or whole URLs.
  }
  const std::string target = origin_of(url);
  if (target.empty() || (origin.starts_with("https:") && !target.starts_with("https:"))) {
    return std::nullopt;
  }
  return url;
}

HubClient::Transfer::Transfer(const HubDownload& download, const ProgressCallback& progress,
                              std::uint64_t file_bytes_max)
    : download_(download),
      progress_(progress),
      file_bytes_max_(file_bytes_max),
      resumed_(read_partial(download.partial)) {}

HubClient::Transfer::~Transfer() {
  if (fd_ >= 0) ::close(fd_);
}

bool HubClient::Transfer::give_up(ErrorCode code, std::string message, bool is_retryable) {
  failure_ =
      Failure{.error = {.code = code, .message = std::move(message)}, .is_retryable = is_retryable};
  return false;
}

bool HubClient::Transfer::on_head(const net::HttpResponse& head, bool from_hub) {
  head_ = head;
  const bool is_body = head.status == 200 || head.status == 206;
  if (from_hub && (is_body || is_redirect(head.status))) {
    const HubFileHead said = parse_hub_file_head(head);
    // A redirect's own ETag describes the redirect unless the hub links the file's.
    if (is_body || head.headers.has("x-linked-etag")) expected_ = said;
  }
  return is_body && start(head);
}

bool HubClient::Transfer::start(const net::HttpResponse& head) {
  if (expected_.etag.empty()) {
    return give_up(ErrorCode::kDataLoss, "the hub states no hash for the file", false);
  }
  const bool same_file = expected_.etag == resumed_.etag;
  if (head.status == 206) {
    const auto range = parse_content_range(head.headers.find("content-range"));
    const bool fits = range && range->first == resumed_.bytes &&
                      (!expected_.bytes || range->total == *expected_.bytes);
    if (!same_file || !fits) {
      remove_partial(download_.partial);
      return give_up(ErrorCode::kDataLoss, "the hub continues another file than the one begun",
                     true);
    }
  }
  if (!expected_.bytes) expected_.bytes = parse_hub_file_head(head).bytes;
  const std::uint64_t total = expected_.bytes.value_or(0);
  if (total > file_bytes_max_) {
    return give_up(ErrorCode::kResourceExhausted,
                   fmt::format("the file has {} bytes, the limit is {}", total, file_bytes_max_),
                   false);
  }
  std::error_code error;
  const auto space = std::filesystem::space(download_.partial.parent_path(), error);
  const std::uint64_t missing = head.status == 206 ? total - resumed_.bytes : total;
  if (!error && space.available < missing) {
    return give_up(ErrorCode::kResourceExhausted,
                   fmt::format("{} more bytes are needed in {}, {} are free", missing,
                               download_.partial.parent_path().string(), space.available),
                   false);
  }
  return open(head.status == 206);
}

bool HubClient::Transfer::open(bool append) {
  // The note first: bytes without a note are never continued, so a crash in between costs nothing.
  if (!append) remove_partial(download_.partial);
  const std::string note = fmt::format("{}\n{}\n", expected_.etag,
                                       expected_.bytes ? std::to_string(*expected_.bytes) : "");
  if (auto noted = write_file_atomically(note_of(download_.partial), note); !noted) {
    return give_up(noted.error().code, noted.error().message, false);
  }
  fd_ = ::open(download_.partial.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    return give_up(
        ErrorCode::kUnavailable,
        fmt::format("cannot open {}: {}", download_.partial.string(), std::strerror(errno)), false);
  }
  bytes_on_disk_ = append ? resumed_.bytes : 0;
  report();
  return true;
}

bool HubClient::Transfer::on_bytes(std::string_view bytes) {
  if (bytes.size() > expected_.bytes.value_or(file_bytes_max_) - bytes_on_disk_) {
    remove_partial(download_.partial);
    return give_up(ErrorCode::kDataLoss, "the hub sends more bytes than the file has", true);
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const bool full = errno == ENOSPC || errno == EDQUOT;
      return give_up(
          full ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
          fmt::format("cannot write {}: {}", download_.partial.string(), std::strerror(errno)),
          false);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    bytes_on_disk_ += static_cast<std::uint64_t>(written);
    bytes_received_ += static_cast<std::uint64_t>(written);
  }
  report();
  return true;
}

Result<void> HubClient::Transfer::finish() {
  if (expected_.bytes && bytes_on_disk_ != *expected_.bytes) {
    return fail(ErrorCode::kDataLoss, "the download ended after {} of {} bytes", bytes_on_disk_,
                *expected_.bytes);
  }
  if (fd_ >= 0 && ::fsync(fd_) != 0) {
    return fail(ErrorCode::kUnavailable, "cannot sync {}: {}", download_.partial.string(),
                std::strerror(errno));
  }
  return {};
}

void HubClient::Transfer::report() const {
  if (!progress_) return;
  progress_({.file = download_.file,
             .bytes_done = bytes_on_disk_,
             .bytes_total = expected_.bytes.value_or(0)});
}

}  // namespace rage::models
