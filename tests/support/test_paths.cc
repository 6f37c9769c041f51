#include "test_paths.h"

namespace rage::test {

std::filesystem::path source_dir() { return RAGE_SOURCE_DIR; }
std::filesystem::path cache_dir() { return RAGE_CACHE_DIR; }

}  // namespace rage::test
