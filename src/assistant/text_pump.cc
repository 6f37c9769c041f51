#include "assistant/text_pump.h"

namespace rage::assistant {

bool TextPump::push(std::size_t writer, std::string_view text) {
  MutexLock lock(mutex_);
  if (!listening_) return false;
  texts_.emplace_back(writer, text);
  wake_.notify_one();
  return true;
}

void TextPump::end() {
  MutexLock lock(mutex_);
  --writers_;
  wake_.notify_one();
}

void TextPump::run(const std::vector<OnText>& listeners) {
  while (true) {
    std::deque<std::pair<std::size_t, std::string>> come;
    {
      MutexLock lock(mutex_);
      while (texts_.empty() && writers_ > 0) wake_.wait(mutex_);
      if (texts_.empty()) return;
      come.swap(texts_);
      if (!listening_) continue;
    }
    for (const auto& [writer, text] : come) {
      if (listeners.at(writer)(text)) continue;
      MutexLock lock(mutex_);
      listening_ = false;
      break;
    }
  }
}

}  // namespace rage::assistant
