// One attempt to fetch one file of the hub into its partial file. Private to hub_client.cc.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "models/hub_client.h"

namespace rage::models {

// Value. The partial file and what its hub said about the whole.
struct PartialFile {
  std::uint64_t bytes = 0;
  std::string etag;  // Empty: there is nothing to continue.
  std::optional<std::uint64_t> bytes_total;
};

// Nothing to continue unless both the bytes and their note are there and agree.
PartialFile read_partial(const std::filesystem::path& partial);
void remove_partial(const std::filesystem::path& partial);

// "scheme://host:port" in lower case; empty unless http or https.
std::string origin_of(std::string_view url);
// RFC 3986 section 5, as far as Location headers need it. None if it is not http(s), or drops TLS.
std::optional<std::string> resolve_location(std::string_view base, std::string_view location);

// Resource. One thread. Takes heads and bytes in the order they arrive and says when to stop.
class HubClient::Transfer final {
 public:
  Transfer(const HubDownload& download, const ProgressCallback& progress,
           std::uint64_t file_bytes_max);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  const PartialFile& resumed() const { return resumed_; }
  bool on_head(const net::HttpResponse& head, bool from_hub);
  bool on_bytes(std::string_view bytes);
  // After the last byte: kDataLoss if some are missing.
  Result<void> finish();

  const HubDownload& download() const { return download_; }
  const net::HttpResponse& head() const { return head_; }
  const std::optional<Failure>& failure() const { return failure_; }
  bool made_progress() const { return bytes_received_ >= kProgressBytes; }

 private:
  static constexpr std::uint64_t kProgressBytes = std::uint64_t{1} << 20;

  bool start(const net::HttpResponse& head);
  bool open(bool append);
  bool give_up(ErrorCode code, std::string message, bool is_retryable);
  void report() const;

  const HubDownload& download_;
  const ProgressCallback& progress_;
  const std::uint64_t file_bytes_max_;
  const PartialFile resumed_;
  HubFileHead expected_;  // What the hub itself said, not the host it redirects to.
  net::HttpResponse head_;
  std::optional<Failure> failure_;
  int fd_ = -1;
  std::uint64_t bytes_on_disk_ = 0;
  std::uint64_t bytes_received_ = 0;
};

}  // namespace rage::models
