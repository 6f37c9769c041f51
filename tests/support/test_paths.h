// Where a test finds its data.
#pragma once

#include <filesystem>

namespace rage::test {

std::filesystem::path source_dir();  // The checkout.
std::filesystem::path cache_dir();   // What `make deps` fetched: models, llama-server.

}  // namespace rage::test
