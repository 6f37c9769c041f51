// Where an index may be persisted to and loaded from: below the data directory, beside the live
// indexes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace rage::rag {

struct PersistPlace {
  std::filesystem::path folder;
  std::string shown;  // As replies name it: KAITO's text for KAITO's paths.
};

// Rules, KAITO's but for the confinement. No path, the data directory itself as given at start, or
// "storage" (which KAITO's Python client always sends): the folder of the index's name in the data
// directory. A relative path that does not lead into the data directory from where the service was
// started is taken as one below the data directory. kInvalidArgument if the path leads outside,
// follows a link outside, or into the folder of the live indexes.
Result<PersistPlace> plan_persist_place(const std::filesystem::path& data_directory,
                                        std::string_view given, std::string_view index_name);

}  // namespace rage::rag
