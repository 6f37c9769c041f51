// `rage model pull --to`: a whole repository in a folder, for servers that are not ours.
#pragma once

#include <string>

#include "base/error.h"

namespace rage::app {

struct MirrorRequest {
  std::string reference;
  std::string folder;
  std::string progress_address;  // "0.0.0.0:9100"; empty: progress is not served.
};

Result<void> pull_to_folder(const MirrorRequest& request);

}  // namespace rage::app
