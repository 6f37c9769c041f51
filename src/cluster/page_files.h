// The dashboard's files, built from web/dashboard/ into the executable (cmake/DashboardPage.cmake).
#pragma once

#include <span>
#include <string_view>

namespace rage::cluster {

// Value. All views live as long as the process.
struct PageFile {
  std::string_view name;  // "index.html", "app.js", ...; no folder.
  std::string_view content_type;
  std::string_view etag;  // Quoted; of the bytes.
  std::string_view bytes;
};

std::span<const PageFile> page_files();

}  // namespace rage::cluster
