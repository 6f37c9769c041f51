// The last answers with how each came about, for whoever asks why: `rage explain`.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "codec/json.h"

namespace rage::ragserver {

struct AnswerLogOptions {
  std::size_t answers_max = 0;                    // 0: nothing is kept.
  std::size_t bytes_max = std::size_t{16} << 20;  // Of all traces together, as JSON.
};

// Resource. Thread-safe. The oldest go when there are too many, or too many bytes; they are in
// memory only.
class AnswerLog final {
 public:
  explicit AnswerLog(const AnswerLogOptions& options) : options_(options) {}

  bool enabled() const { return options_.answers_max > 0; }
  // `trace`: an object with `id`, `created`, `index_name`, `question` and `mode`. One that alone is
  // larger than a quarter of the room is not kept.
  void put(const codec::Json& trace);
  // The trace as JSON text.
  std::optional<std::string> find(std::string_view id) const;
  // The fields above of each, newest first.
  codec::Json list() const;

 private:
  struct Entry {
    std::string id;
    codec::Json summary;
    std::string trace;
  };
  struct Ring {
    std::deque<Entry> entries;  // Oldest first.
    std::size_t bytes = 0;
  };

  const AnswerLogOptions options_;
  Guarded<Ring> ring_;
};

}  // namespace rage::ragserver
