// Where the API server finds what pods have written: a node's business, behind an interface.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/error.h"

namespace rage::cluster {

struct PodLogQuery {
  std::string pod_uid;
  std::string container;
  bool previous = false;  // The run before the last.
  bool follow = false;    // Until the container ends or `context` does.
  std::optional<std::uint64_t> tail_lines = std::nullopt;
};

// Interface. Thread-safe.
class PodLogs {
 public:
  virtual ~PodLogs() = default;
  // In pieces; `on_bytes` ends it by returning false. kNotFound: it has written nothing yet.
  virtual Result<void> read(const Context& context, const PodLogQuery& query,
                            const std::function<bool(std::string_view bytes)>& on_bytes) = 0;
};

}  // namespace rage::cluster
