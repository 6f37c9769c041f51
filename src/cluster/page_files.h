// The dashboard's files, built from web/dashboard/ into the executable (cmake/DashboardPage.cmake).
#pragma once

#include <span>

#include "net/page_file.h"

namespace rage::cluster {

using net::PageFile;

std::span<const PageFile> page_files();  // Their views live as long as the process.

}  // namespace rage::cluster
