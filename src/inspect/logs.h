// `rage logs`: what the containers behind an object say, however many pods that are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"

namespace rage::inspect {

struct LogsCommand {
  std::vector<std::string> arguments = {};
  std::string container = {};  // Empty: each pod's main one.
  bool all_containers = false;
  bool follow = false;    // Also what is started later: restarts, new replicas.
  bool previous = false;  // Of the run before the last restart.
  bool timestamps = false;
  bool prefix = false;  // "[pod/name/container] " even if there is one alone.
  int tail_lines = -1;  // Below 0: all of one, the last ten of several.
  std::int64_t since_seconds = 0;
  int streams_max = 20;  // At a time.
};

// Ends with the logs; with `follow`, once all pods have ended for good.
Result<void> run_logs(const Context& context, const Cluster& cluster, const LogsCommand& command);

// Value. One thread. Bytes of one log to whole lines; a line longer than 64 KiB comes in pieces.
class LineSplitter final {
 public:
  // Calls `on_line` with each that is complete, without its end.
  void feed(std::string_view bytes, const Sink& on_line);
  // What has no end yet.
  void finish(const Sink& on_line);

 private:
  std::string pending_;
};

}  // namespace rage::inspect
