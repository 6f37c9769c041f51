#include "models/hub_client.h"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <system_error>

#include "base/strings.h"
#include "codec/uri.h"
#include "models/file_hash.h"
#include "models/hub_transfer.h"

namespace rage::models {
namespace {

constexpr int kRedirectsMax = 10;
constexpr std::uint64_t kListingBytesMax = std::uint64_t{32} << 20;
constexpr std::uint64_t kReadBytesMax = std::uint64_t{4} << 20;

bool is_retryable_status(int status) {
  return status == 408 || status == 429 || status >= 500;
}

// Half of the delay is random, so that many clients do not come back together.
std::chrono::milliseconds with_jitter(std::chrono::milliseconds delay) {
  std::random_device random;
  std::uniform_int_distribution<std::int64_t> half(0, delay.count() / 2);
  return delay - std::chrono::milliseconds(half(random));
}

std::string encode_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const std::string_view part : split(path, '/')) parts.push_back(codec::percent_encode(part));
  return join(parts, "/");
}

}  // namespace

HubOptions hub_options_from_environment() {
  HubOptions options;
  if (const char* endpoint = std::getenv("HF_ENDPOINT"); endpoint != nullptr && *endpoint != '\0') {
    options.endpoint = trim(endpoint);
  }
  if (const char* token = std::getenv("HF_TOKEN"); token != nullptr) options.token = trim(token);
  return options;
}

HubClient::HubClient(net::HttpTransport& transport, Clock& clock, HubOptions options)
    : transport_(transport), clock_(clock), options_([&options] {
        while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
        return std::move(options);
      }()) {}

net::ClientRequest HubClient::request_for(std::string url) const {
  net::ClientRequest request{.url = std::move(url),
                             .connect_timeout = options_.connect_timeout,
                             .idle_timeout = options_.idle_timeout};
  request.headers.set("user-agent", "rage");
  // Sizes and ranges count the file's own bytes.
  request.headers.set("accept-encoding", "identity");
  if (!options_.token.empty() && origin_of(request.url) == origin_of(options_.endpoint)) {
    request.headers.set("authorization", fmt::format("Bearer {}", options_.token));
  }
  return request;
}

HubClient::Failure HubClient::failure_of(const Context& context, Error error) const {
  const bool transient = error.code == ErrorCode::kUnavailable ||
                         error.code == ErrorCode::kDataLoss ||
                         error.code == ErrorCode::kDeadlineExceeded;
  error = std::move(error).with_context(options_.endpoint);
  return {.error = std::move(error), .is_retryable = transient && context.check().has_value()};
}

HubClient::Failure HubClient::failure_of(const net::HttpResponse& head, std::string_view what,
                                         std::string_view repository) const {
  const std::string page = fmt::format("{}/{}", options_.endpoint, repository);
  return {.error = explain_hub_status(head, what, page, !options_.token.empty()),
          .is_retryable = is_retryable_status(head.status)};
}

Result<void> HubClient::retry(const Context& context, const Attempt& attempt) {
  for (int failures = 0;;) {
    RETURN_IF_ERROR(context.check());
    std::optional<Failure> failure = attempt();
    if (!failure) return {};
    if (!failure->is_retryable) return fail(std::move(failure->error));
    failures = failure->made_progress ? 1 : failures + 1;
    if (failures >= options_.attempts_max) return fail(std::move(failure->error));
    RETURN_IF_ERROR(wait(context, failure->error, failures));
  }
}

Result<void> HubClient::wait(const Context& context, const Error& cause, int failures) {
  constexpr int kDoublingsMax = 16;
  auto delay = with_jitter(std::min(
      options_.backoff_max, options_.backoff_first * (1 << std::min(failures - 1, kDoublingsMax))));
  if (cause.retry_after) delay = std::max(delay, *cause.retry_after);
  // No point in waiting for a time that the caller does not have.
  constexpr std::chrono::milliseconds kWaitMax = std::chrono::minutes(10);
  if (delay > kWaitMax || context.remaining(kWaitMax) < delay) return fail(cause);
  if (!clock_.sleep_for(delay, context.stop)) {
    return fail(ErrorCode::kCancelled, "the download was cancelled");
  }
  return {};
}

Result<HubListing> HubClient::list(const Context& context, const ModelReference& reference) {
  return list(context, reference, "");
}

Result<HubListing> HubClient::list_with_sizes(const Context& context,
                                              const ModelReference& reference) {
  return list(context, reference, "?blobs=true");
}

Result<HubListing> HubClient::list(const Context& context, const ModelReference& reference,
                                   std::string_view query) {
  const std::string repository = hub_repository_id(reference);
  HubListing listing;
  RETURN_IF_ERROR(retry(context, [&]() -> std::optional<Failure> {
    net::ClientRequest request =
        request_for(fmt::format("{}/api/models/{}/revision/{}{}", options_.endpoint, repository,
                                codec::percent_encode(reference.revision), query));
    request.body_bytes_max = kListingBytesMax;
    std::string body;
    auto failure =
        fetch_body(context, std::move(request),
                   fmt::format("{}@{}", repository, reference.revision), repository, body);
    if (failure) return failure;
    auto parsed = parse_hub_listing(body);
    if (!parsed) return Failure{.error = std::move(parsed).error()};
    listing = *std::move(parsed);
    return std::nullopt;
  }));
  return listing;
}

Result<std::string> HubClient::read(const Context& context, const std::string& repository,
                                    const std::string& commit, const std::string& file) {
  std::string content;
  RETURN_IF_ERROR(retry(context, [&] {
    net::ClientRequest request = request_for(fmt::format("{}/{}/resolve/{}/{}", options_.endpoint,
                                                         repository, commit, encode_path(file)));
    request.body_bytes_max = kReadBytesMax;
    return fetch_body(context, std::move(request), fmt::format("{} of {}", file, repository),
                      repository, content);
  }));
  return content;
}

std::optional<HubClient::Failure> HubClient::fetch_body(const Context& context,
                                                        net::ClientRequest request,
                                                        const std::string& what,
                                                        const std::string& repository,
                                                        std::string& body) {
  request.follow_redirects = true;  // Renamed repositories; the token stays with the hub.
  auto reply = transport_.fetch(context, request);
  if (!reply) return failure_of(context, std::move(reply).error());
  if (reply->status != 200) return failure_of(*reply, what, repository);
  body = std::move(reply->body);
  return std::nullopt;
}

Result<void> HubClient::download(const Context& context, const HubDownload& download,
                                 const ProgressCallback& progress) {
  for (int round = 0; round < 2; ++round) {
    // A download that died between its last byte and the check has nothing left to fetch.
    const PartialFile before = read_partial(download.partial);
    if (!before.bytes_total || before.bytes != *before.bytes_total) {
      RETURN_IF_ERROR(retry(context, [&] { return fetch_file(context, download, progress); }));
    }
    const PartialFile file = read_partial(download.partial);
    ASSIGN_OR_RETURN(const bool matches, matches_hub_etag(download.partial, file.etag));
    if (matches) {
      std::error_code error;
      std::filesystem::rename(download.partial, download.destination, error);
      if (error) {
        return fail(ErrorCode::kUnavailable, "cannot rename to {}: {}",
                    download.destination.string(), error.message());
      }
      remove_partial(download.partial);  // The note.
      return {};
    }
    remove_partial(download.partial);
  }
  return fail(ErrorCode::kDataLoss, "{} of {} does not match the hub's hash; it was removed",
              download.file, download.repository);
}

std::optional<HubClient::Failure> HubClient::fetch_file(const Context& context,
                                                        const HubDownload& download,
                                                        const ProgressCallback& progress) {
  Transfer transfer(download, progress, options_.file_bytes_max);
  auto failure = follow(context, transfer,
                        fmt::format("{}/{}/resolve/{}/{}", options_.endpoint, download.repository,
                                    download.commit, encode_path(download.file)));
  if (!failure) return std::nullopt;
  failure->made_progress = transfer.made_progress();
  failure->error = std::move(failure->error).with_context(download.file);
  return failure;
}

// Redirects are followed here, not by the transport: the hub's own reply carries the hash and the
// size, and the host it points to must not get the token.
std::optional<HubClient::Failure> HubClient::follow(const Context& context, Transfer& transfer,
                                                    std::string url) {
  for (int hop = 0; hop < kRedirectsMax; ++hop) {
    const bool from_hub = origin_of(url) == origin_of(options_.endpoint);
    net::ClientRequest request = request_for(url);
    const PartialFile& resumed = transfer.resumed();
    if (resumed.bytes > 0) {
      request.headers.set("range", fmt::format("bytes={}-", resumed.bytes));
      // Another host has an ETag of its own; there the hash over the whole file decides.
      if (from_hub) request.headers.set("if-range", fmt::format("\"{}\"", resumed.etag));
    }
    const auto streamed = transport_.stream(
        context, request,
        [&](const net::HttpResponse& head) { return transfer.on_head(head, from_hub); },
        [&](std::string_view bytes) {
          return !context.stop.stop_requested() && transfer.on_bytes(bytes);
        });
    if (transfer.failure()) return transfer.failure();
    if (auto going_on = context.check(); !going_on) {
      return Failure{.error = std::move(going_on).error()};
    }
    if (!streamed) return failure_of(context, streamed.error());
    const net::HttpResponse& head = transfer.head();
    if (head.status == 200 || head.status == 206) {
      auto finished = transfer.finish();
      if (!finished) return failure_of(context, std::move(finished).error());
      return std::nullopt;
    }
    const std::string& repository = transfer.download().repository;
    if (head.status == 416) {
      remove_partial(transfer.download().partial);
      return Failure{.error = {.code = ErrorCode::kDataLoss, .message = "cannot be continued"},
                     .is_retryable = true};
    }
    if (head.status < 300 || head.status >= 400) {
      return failure_of(head, fmt::format("{} of {}", transfer.download().file, repository),
                        repository);
    }
    const auto next = resolve_location(url, head.headers.find("location"));
    if (!next) {
      return Failure{.error = {.code = ErrorCode::kUnavailable,
                               .message = "the hub redirects to an address that is not followed"}};
    }
    url = *next;
  }
  return Failure{.error = {.code = ErrorCode::kUnavailable, .message = "too many redirects"}};
}

}  // namespace rage::models
