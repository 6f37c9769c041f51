// What a list of URLs and a whole site have in common as sources: conditional requests, and what a
// reply's type says about the file in it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/auto_index_source.h"
#include "net/http.h"
#include "net/http_client.h"

namespace rage::cli::detail {

// What the index says of one URL.
struct KnownUrl {
  std::vector<const IndexedDocument*> documents;

  // What the server gave with it. Only a URL that is one document may be answered by "unchanged":
  // of several, some might be missing after a run that was cut short. Null: ask for all of it.
  const IndexedDocument* whole() const;
};
using KnownUrls = std::map<std::string, KnownUrl, std::less<>>;
// Of one owner; borrows `index`.
KnownUrls known_urls(std::span<const IndexedDocument> index, std::string_view owner);

// A GET with limits and, where nobody on the way can read them, credentials; conditional if
// `before` is not null. No redirects.
net::ClientRequest web_request(const std::string& url, const IndexedDocument* before,
                               const SourceOptions& options);

// ETag and Last-Modified of a reply, for the next condition.
void remember_version(const net::Headers& headers, codec::Json& metadata);

// "text/html", lower case, without parameters.
std::string media_type(const net::Headers& headers);
// "guide.md" of https://example.org/docs/guide.md?x; empty if the path ends in '/'.
std::string last_part(std::string_view url);
// How `rage index` would call the file: "x.html", "x.pdf", "x.docx", "x.md"; empty: not said.
std::string_view file_name_of_type(std::string_view media_type);

}  // namespace rage::cli::detail
