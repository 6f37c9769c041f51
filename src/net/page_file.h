// Files of a web page that are part of the program, and how they are sent to a browser. Pure.
#pragma once

#include <string_view>

#include "net/http.h"

namespace rage::net {

// Value. All views are borrowed.
struct PageFile {
  std::string_view name;  // "index.html", "app.js", ...; no folder.
  std::string_view content_type;
  std::string_view etag;  // Quoted; of the bytes.
  std::string_view bytes;
};

// The file, or 304 if the browser has it; with a policy (CSP level 3) under which nothing runs that
// is not ours, nothing is fetched elsewhere, and no text becomes HTML.
HttpResponse page_reply(const HttpRequest& request, const PageFile& file);

}  // namespace rage::net
