// A gateway that is configured by a folder of YAML, read again whenever it changes.
#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "gatewayapi/file_config.h"

namespace rage::gateway {

// kInvalidArgument names what is wrong in the files: nobody wants to start with half of them.
Result<gatewayapi::World> read_world(const std::filesystem::path& path);

// Resource. Owns one thread. The clock outlives it.
class FileWatcher final {
 public:
  // `changed` is called on the watcher's thread with each new state that is free of mistakes;
  // others are logged and change nothing.
  FileWatcher(std::filesystem::path path, Clock& clock,
              std::function<void(const gatewayapi::World&)> changed);
  FileWatcher(const FileWatcher&) = delete;
  FileWatcher& operator=(const FileWatcher&) = delete;

 private:
  void watch(std::stop_token stop);

  const std::filesystem::path path_;
  Clock& clock_;
  const std::function<void(const gatewayapi::World&)> changed_;
  std::string seen_;
  std::jthread thread_;
};

}  // namespace rage::gateway
