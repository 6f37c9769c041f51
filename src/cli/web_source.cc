#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/strings.h"
#include "cli/detail/web_source.h"

namespace rage::cli::detail {
namespace {

constexpr std::chrono::milliseconds kIdle{60'000};
constexpr std::size_t kVersionBytesMax = 256;

constexpr std::array<std::pair<const char*, const char*>, 2> kVersionHeaders{
    {{"etag", kEtagKey}, {"last-modified", kModifiedKey}}};

}  // namespace

const IndexedDocument* KnownUrl::whole() const {
  const bool single = documents.size() == 1 && (documents[0]->metadata.contains(kEtagKey) ||
                                                documents[0]->metadata.contains(kModifiedKey));
  return single ? documents[0] : nullptr;
}

KnownUrls known_urls(std::span<const IndexedDocument> index, std::string_view owner) {
  KnownUrls known;
  for (const IndexedDocument& document : index) {
    if (codec::string_or(document.metadata, kOwnerKey, "") != owner) continue;
    known[place_of(document.metadata)].documents.push_back(&document);
  }
  return known;
}

net::ClientRequest web_request(const std::string& url, const IndexedDocument* before,
                               const SourceOptions& options) {
  net::ClientRequest request{.url = url};
  request.body_bytes_max = options.limits.file_bytes_max;
  request.idle_timeout = kIdle;
  request.peers = options.allow_local ? net::Peers::kAny : net::Peers::kNotLocal;
  // Nobody on the way may read a secret.
  const bool sealed = to_lower_ascii(url.substr(0, 8)) == "https://";
  const std::string authorization = authorization_of(options.credentials);
  if (!authorization.empty() && (sealed || options.allow_local)) {
    request.headers.set("authorization", authorization);
  }
  if (before == nullptr) return request;
  const std::string etag = codec::string_or(before->metadata, kEtagKey, "");
  const std::string modified = codec::string_or(before->metadata, kModifiedKey, "");
  if (!etag.empty()) request.headers.set("if-none-match", etag);
  if (!modified.empty()) request.headers.set("if-modified-since", modified);
  return request;
}

void remember_version(const net::Headers& headers, codec::Json& metadata) {
  for (const auto& [header, key] : kVersionHeaders) {
    const std::string_view value = headers.find(header);
    if (!value.empty() && value.size() <= kVersionBytesMax) metadata[key] = value;
  }
}

std::string media_type(const net::Headers& headers) {
  const std::string_view header = headers.find("content-type");
  return to_lower_ascii(trim(header.substr(0, header.find(';'))));
}

std::string last_part(std::string_view url) {
  const std::size_t host = url.find("://") + 3;
  const std::string_view path = url.substr(host, url.find_first_of("?#", host) - host);
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(slash + 1));
}

std::string_view file_name_of_type(std::string_view media_type) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kTypes{{
      {"application/pdf", "x.pdf"},
      {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "x.docx"},
      {"text/html", "x.html"},
      {"application/xhtml+xml", "x.html"},
      {"text/markdown", "x.md"},
      {"text/x-markdown", "x.md"},
  }};
  const auto* found =
      std::ranges::find(kTypes, media_type, &std::pair<std::string_view, std::string_view>::first);
  return found == kTypes.end() ? std::string_view() : found->second;
}

}  // namespace rage::cli::detail
