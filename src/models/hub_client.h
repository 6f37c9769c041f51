// Downloads from the Hugging Face hub, or anything that speaks its protocol: resumed after a cut,
// retried, verified by hash before a file gets its final name.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "models/hub_protocol.h"
#include "models/reference.h"
#include "net/http_client.h"

namespace rage::models {

struct HubOptions {
  std::string endpoint = "https://huggingface.co";
  std::string token = {};                        // Sent to the endpoint's host only, never further.
  int attempts_max = 5;                          // In a row without a mebibyte of progress.
  std::chrono::milliseconds backoff_first{500};  // Doubles, with jitter, up to the next.
  std::chrono::milliseconds backoff_max{30'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::uint64_t file_bytes_max = std::uint64_t{1} << 40;
};

// HF_ENDPOINT and HF_TOKEN, where set; for the outermost layer to call.
HubOptions hub_options_from_environment();

struct DownloadProgress {
  std::string_view file;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;  // 0: not known.
};
using ProgressCallback = std::function<void(const DownloadProgress&)>;

struct HubDownload {
  std::string repository;             // "org/repo"
  std::string commit;                 // Content behind a commit never changes.
  std::string file;                   // is_safe_relative_path()
  std::filesystem::path partial;      // Grows while downloading; beside it "<partial>.etag".
  std::filesystem::path destination;  // Appears once complete and verified. Same file system.
};

// Thread-safe. Two downloads of one partial file at a time are the caller's to prevent.
class HubClient final {
 public:
  HubClient(net::HttpTransport& transport, Clock& clock, HubOptions options);

  // Which commit `reference` means today, and its files.
  Result<HubListing> list(const Context& context, const ModelReference& reference);

  // As list(), with the sizes of the files.
  Result<HubListing> list_with_sizes(const Context& context, const ModelReference& reference);
  // The content of a small file of a repository ("org/repo"), such as config.json; not verified.
  // kNotFound; kResourceExhausted: larger than a few mebibytes.
  Result<std::string> read(const Context& context, const std::string& repository,
                           const std::string& commit, const std::string& file);

  // Continues `partial` if it is there. kDataLoss if the bytes do not match the hub's hash, also
  // when fetched again from the start; the bytes are removed then.
  Result<void> download(const Context& context, const HubDownload& download,
                        const ProgressCallback& progress);

  const std::string& endpoint() const { return options_.endpoint; }

 private:
  struct Failure {
    Error error;
    bool is_retryable = false;
    bool made_progress = false;
  };
  using Attempt = std::function<std::optional<Failure>()>;
  class Transfer;

  Result<void> retry(const Context& context, const Attempt& attempt);
  Result<void> wait(const Context& context, const Error& cause, int failures);
  Result<HubListing> list(const Context& context, const ModelReference& reference,
                          std::string_view query);
  // The body of a reply that is no error; `what` and `repository` are for the message.
  std::optional<Failure> fetch_body(const Context& context, net::ClientRequest request,
                                    const std::string& what, const std::string& repository,
                                    std::string& body);
  std::optional<Failure> fetch_file(const Context& context, const HubDownload& download,
                                    const ProgressCallback& progress);
  std::optional<Failure> follow(const Context& context, Transfer& transfer, std::string url);
  net::ClientRequest request_for(std::string url) const;
  Failure failure_of(const Context& context, Error error) const;
  Failure failure_of(const net::HttpResponse& head, std::string_view what,
                     std::string_view repository) const;

  net::HttpTransport& transport_;
  Clock& clock_;
  const HubOptions options_;
};

}  // namespace rage::models
