// Texts of several threads, handed to one in the order in which they came.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "assistant/upstream.h"
#include "base/mutex.h"

namespace rage::assistant {

// Resource. Thread-safe. Holds what was pushed and not yet handed on: at most what its writers say.
class TextPump final {
 public:
  explicit TextPump(std::size_t writers) : writers_(writers) {}

  // False: nobody listens any more.
  bool push(std::size_t writer, std::string_view text);
  // Each writer, once, when it has nothing more to say.
  void end();
  // Hands texts to the listener of their writer until all have ended. A listener that says false is
  // the last to hear anything.
  void run(const std::vector<OnText>& listeners);

 private:
  Mutex mutex_;
  CondVar wake_;
  std::deque<std::pair<std::size_t, std::string>> texts_ GUARDED_BY(mutex_);
  std::size_t writers_ GUARDED_BY(mutex_);
  bool listening_ GUARDED_BY(mutex_) = true;
};

}  // namespace rage::assistant
