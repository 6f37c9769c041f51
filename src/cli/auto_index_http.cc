// A list of URLs as a source.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/sha256.h"
#include "base/strings.h"
#include "cli/auto_index_source.h"
#include "cli/detail/web_source.h"
#include "cli/document_files.h"
#include "net/http.h"

namespace rage::cli {
namespace {

using codec::Json;
using std::chrono::milliseconds;

constexpr milliseconds kOneUrl{60'000};

// None: fine.
std::optional<std::string> objection(const std::string& url) {
  const std::string start = to_lower_ascii(url.substr(0, 8));
  if (!start.starts_with("http://") && !start.starts_with("https://")) {
    return "only http:// and https:// can be read";
  }
  // A backslash ends the host for some readers of URLs and not for others.
  if (url.find('\\') != std::string::npos) return "it has a backslash in it";
  const std::size_t host = url.find("://") + 3;
  const std::string_view authority =
      std::string_view(url).substr(host, url.find_first_of("/?#", host) - host);
  if (authority.find('@') != std::string_view::npos) {
    return "it names a user or a password: put them into a Secret";
  }
  return std::nullopt;
}

// How `rage index` would have called the file: by its type, else by the URL's path.
std::string file_name(const std::string& url, const net::Headers& headers) {
  const std::string type = detail::media_type(headers);
  if (type == "application/x-ndjson" || type == "application/jsonl") return "x.jsonl";
  std::string name = detail::last_part(url);
  const bool document = is_document_name(name) && name.find('.') != std::string::npos;
  const std::string_view known = detail::file_name_of_type(type);
  if (!known.empty() && !(document && known == "x.md")) return std::string(known);
  if (document) return name;
  if (type == "application/json" || type.ends_with("+json")) return "x.json";
  return type.empty() || type.starts_with("text/") ? "x.txt" : name;
}

// Everything of one reading. One thread.
class HttpReading final {
 public:
  HttpReading(const Context& context, net::HttpTransport& transport,
              std::span<const IndexedDocument> index, const SourceOptions& options)
      : context_(context),
        transport_(transport),
        options_(options),
        known_(detail::known_urls(index, options.owner)) {}

  Result<void> read(const std::string& url) {
    RETURN_IF_ERROR(context_.check());
    if (const auto why = objection(url)) return give_up(url, *why);
    const auto found = known_.find(url);
    const IndexedDocument* before = found == known_.end() ? nullptr : found->second.whole();
    Context one = context_;
    one.deadline = std::chrono::steady_clock::now() + context_.remaining(kOneUrl);
    const auto reply = transport_.fetch(one, request_for(url, before));
    RETURN_IF_ERROR(context_.check());
    if (!reply) return give_up(url, reply.error().message);
    if (reply->status == 304 && before != nullptr) {
      listing_.kept_places.insert(url);
      answers_ += url + "\n" + before->doc_id + "\n";
      return {};
    }
    if (reply->status == 404 || reply->status == 410) {  // It left the source.
      listing_.skipped.push_back(fmt::format("{}: the server answered {}", url, reply->status));
      return {};
    }
    if (reply->status != 200) {
      return give_up(url, fmt::format("the server answered {}", reply->status));
    }
    return take(url, *reply);
  }

  SourceListing finish() {
    listing_.revision = sha256_hex(answers_).substr(0, 16);
    return std::move(listing_);
  }

 private:
  net::ClientRequest request_for(const std::string& url, const IndexedDocument* before) const {
    net::ClientRequest request = detail::web_request(url, before, options_);
    request.follow_redirects = true;
    request.headers.set("accept",
                        "text/markdown, text/plain, text/html;q=0.8, application/json, */*;q=0.1");
    return request;
  }

  Result<void> give_up(const std::string& url, std::string_view why) {
    listing_.kept_places.insert(url);
    listing_.failures.push_back(fmt::format("{}: {}", url, why));
    return {};
  }

  Result<void> take(const std::string& url, const net::HttpResponse& reply) {
    auto documents = documents_of_file(context_, file_name(url, reply.headers), reply.body, kUrlKey,
                                       url, options_.owner);
    if (!documents) return give_up(url, documents.error().message);
    total_ += reply.body.size();
    if (total_ > options_.limits.total_bytes_max) {
      return fail(ErrorCode::kInvalidArgument, "the URLs hold more than {} MiB: list fewer",
                  options_.limits.total_bytes_max >> 20U);
    }
    if (documents->size() == 1) {
      detail::remember_version(reply.headers, documents->front().metadata);
    }
    for (SourceDocument& document : *documents) {
      answers_ += url + "\n" + sha256_hex(document.text) + "\n";
      listing_.documents.push_back(std::move(document));
    }
    return {};
  }

  const Context& context_;
  net::HttpTransport& transport_;
  const SourceOptions& options_;
  const detail::KnownUrls known_;
  std::uint64_t total_ = 0;
  std::string answers_;  // What the revision is a digest of.
  SourceListing listing_;
};

}  // namespace

Result<SourceListing> read_http_source(const Context& context, net::HttpTransport& transport,
                                       const std::vector<std::string>& urls,
                                       std::span<const IndexedDocument> index,
                                       const SourceOptions& options) {
  std::vector<std::string> sorted = urls;
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::unique(sorted);
  sorted.erase(repeated.begin(), repeated.end());
  HttpReading reading(context, transport, index, options);
  for (const std::string& url : sorted) RETURN_IF_ERROR(reading.read(url));
  return reading.finish();
}

}  // namespace rage::cli
