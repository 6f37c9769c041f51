// One run of a container: a process group of this machine whose output goes to the container's log.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/process.h"
#include "node/images.h"
#include "node/log_files.h"

namespace rage::node {

// Resource. Thread-safe. Owns two threads. The processes do not outlive this one: the kernel kills
// them when it dies, so that nothing has to be adopted (docs/adr/0018).
class ContainerProcess final {
 public:
  // `on_end` is called once, on a thread of its own; it must not block or destroy the process.
  static Result<std::unique_ptr<ContainerProcess>> start(const ProcessPlan& plan, LogWriter log,
                                                         std::function<void()> on_end);
  ~ContainerProcess();
  ContainerProcess(const ContainerProcess&) = delete;
  ContainerProcess& operator=(const ContainerProcess&) = delete;

  int pid() const { return child_->pid(); }
  std::optional<ExitStatus> exit_status() const;  // None while it runs or its log is not complete.
  // SIGTERM to the group, SIGKILL after `grace`; returns once it has ended.
  void terminate(std::chrono::milliseconds grace);

 private:
  ContainerProcess() = default;
  void copy_output(int reading, LogWriter log, const std::function<void()>& on_end);

  std::unique_ptr<ChildProcess> child_;
  Guarded<std::optional<ExitStatus>> status_;
  std::jthread copier_;  // Last: it uses everything above.
};

}  // namespace rage::node
