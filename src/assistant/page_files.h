// The web page's files, built from web/ into the executable (cmake/WebPage.cmake).
#pragma once

#include <span>

#include "net/page_file.h"

namespace rage::assistant {

using net::PageFile;

std::span<const PageFile> page_files();  // Their views live as long as the process.

}  // namespace rage::assistant
