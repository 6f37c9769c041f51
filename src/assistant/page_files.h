// The web page's files, built from web/ into the executable (cmake/WebPage.cmake).
#pragma once

#include <span>
#include <string_view>

namespace rage::assistant {

// Value. All views live as long as the process.
struct PageFile {
  std::string_view name;  // "index.html", "app.js", ...; no folder.
  std::string_view content_type;
  std::string_view etag;  // Quoted; of the bytes.
  std::string_view bytes;
};

std::span<const PageFile> page_files();

}  // namespace rage::assistant
