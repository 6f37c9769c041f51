// `rage up` without manifests: examples/quickstart on the platform, an example indexed, a question
// asked without and with it.
#pragma once

#include <string>

#include "base/error.h"
#include "platform/quickstart.h"
#include "up_platform.h"

namespace rage::app {

struct QuickstartUp {
  PlatformStart start;
  platform::QuickstartSettings settings;
  bool example_wanted = true;
  std::string example;  // Empty: found beside the program or below the working directory.
  std::string question;
  int wait_seconds = 300;
};

// A data directory that other manifests were applied to goes on with those, and gets no example.
// Indexes of a data directory from before there was a platform are moved into the RAG service's
// volume.
Result<void> up_quickstart(const QuickstartUp& options);

}  // namespace rage::app
