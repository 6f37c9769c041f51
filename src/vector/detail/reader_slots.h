// Who may search and who may change: readers take one of a fixed number of slots, a writer waits
// until all are back. Readers that come while a writer waits come after it, so neither starves.
#pragma once

#include <cstddef>
#include <vector>

#include "base/mutex.h"

namespace rage::vector::detail {

// Resource. Thread-safe. Hold one slot or the whole at a time, never both.
class ReaderSlots final {
 public:
  explicit ReaderSlots(std::size_t count) : count_(count) {
    for (std::size_t slot = 0; slot < count; ++slot) free_.push_back(slot);
  }
  ReaderSlots(const ReaderSlots&) = delete;
  ReaderSlots& operator=(const ReaderSlots&) = delete;

  class Reading final {
   public:
    explicit Reading(ReaderSlots& slots) : slots_(slots), slot_(slots.take()) {}
    ~Reading() { slots_.give(slot_); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    std::size_t slot() const { return slot_; }

   private:
    ReaderSlots& slots_;
    const std::size_t slot_;
  };

  class Writing final {
   public:
    explicit Writing(ReaderSlots& slots) : slots_(slots) { slots_.take_all(); }
    ~Writing() { slots_.give_all(); }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;

   private:
    ReaderSlots& slots_;
  };

 private:
  std::size_t take() {
    MutexLock lock(mutex_);
    while (writing_ || writers_waiting_ > 0 || free_.empty()) changed_.wait(mutex_);
    const std::size_t slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void give(std::size_t slot) {
    MutexLock lock(mutex_);
    free_.push_back(slot);
    changed_.notify_all();
  }
  void take_all() {
    MutexLock lock(mutex_);
    ++writers_waiting_;
    while (writing_ || free_.size() != count_) changed_.wait(mutex_);
    --writers_waiting_;
    writing_ = true;
  }
  void give_all() {
    MutexLock lock(mutex_);
    writing_ = false;
    changed_.notify_all();
  }

  const std::size_t count_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::size_t> free_ GUARDED_BY(mutex_);
  std::size_t writers_waiting_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
};

}  // namespace rage::vector::detail
