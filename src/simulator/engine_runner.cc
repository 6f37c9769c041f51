#include "simulator/engine_runner.h"

#include <utility>

namespace rage::simulator {
namespace {

using std::chrono::steady_clock;

}  // namespace

Generation::~Generation() {
  runner_.abort(ids_);
}

Result<std::vector<Progress>> Generation::next(std::stop_token stop) {
  // Locks, so that the request to stop cannot fall between the look at it and the wait.
  const std::stop_callback wake(stop, [shared = shared_] {
    MutexLock lock(shared->mutex);
    shared->changed.notify_all();
  });
  MutexLock lock(shared_->mutex);
  while (!shared_->is_new) {
    if (stop.stop_requested()) return fail(ErrorCode::kCancelled, "the client has gone");
    shared_->changed.wait(shared_->mutex);
  }
  shared_->is_new = false;
  return shared_->progress;
}

EngineRunner::EngineRunner(const EngineOptions& options, double time_scale, OnCache on_cache)
    : time_scale_(time_scale),
      on_cache_(std::move(on_cache)),
      began_at_(steady_clock::now()),
      engine_(Engine::create(options)) {
  if (on_cache_) engine_->record_cache_changes();
  thread_ = std::jthread([this] { run(); });
}

EngineRunner::~EngineRunner() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

std::unique_ptr<Generation> EngineRunner::start(std::vector<EngineRequest> requests) {
  std::unique_ptr<Generation> generation(new Generation(*this));
  {
    MutexLock lock(generation->shared_->mutex);
    generation->shared_->progress.resize(requests.size());
  }
  MutexLock lock(mutex_);
  generation->submitted_at_ = now();
  for (EngineRequest& request : requests) {
    request.id = ++last_id_;
    listeners_[request.id] = {.generation = generation->shared_, .index = generation->ids_.size()};
    generation->ids_.push_back(request.id);
    engine_->submit(std::move(request), generation->submitted_at_);
  }
  changed_.notify_all();
  return generation;
}

EngineState EngineRunner::state() {
  MutexLock lock(mutex_);
  advance_locked();
  return engine_->state();
}

void EngineRunner::abort(const std::vector<std::uint64_t>& ids) {
  MutexLock lock(mutex_);
  for (const std::uint64_t id : ids) {
    if (listeners_.erase(id) > 0) engine_->abort(id, now());
  }
}

VirtualTime EngineRunner::now() const {
  const std::chrono::duration<double, std::nano> real = steady_clock::now() - began_at_;
  return VirtualTime(static_cast<std::int64_t>(real.count() * time_scale_));
}

void EngineRunner::run() {
  MutexLock lock(mutex_);
  while (!stopping_) {
    advance_locked();
    const auto next = engine_->next_step();
    if (!next) {
      changed_.wait(mutex_);
      continue;
    }
    const std::chrono::duration<double, std::nano> real(static_cast<double>(next->count()) /
                                                        time_scale_);
    changed_.wait_until(mutex_, began_at_ + std::chrono::ceil<std::chrono::nanoseconds>(real));
  }
}

void EngineRunner::advance_locked() {
  const std::vector<EngineEvent> events = engine_->advance(now());
  // Before anybody hears of tokens: who asks then whether a prompt is cached is told the truth.
  if (on_cache_) {
    const std::vector<CacheChange> changes = engine_->take_cache_changes();
    if (!changes.empty()) on_cache_(changes);
  }
  deliver_locked(events);
}

void EngineRunner::deliver_locked(const std::vector<EngineEvent>& events) {
  for (const EngineEvent& event : events) {
    if (event.kind == EngineEvent::Kind::kPreempted) continue;
    const auto found = listeners_.find(event.id);
    if (found == listeners_.end()) continue;  // Aborted meanwhile.
    Generation::Shared& shared = *found->second.generation;
    {
      MutexLock lock(shared.mutex);
      Progress& progress = shared.progress[found->second.index];
      if (progress.tokens == 0) progress.first_token_at = event.at;
      progress.last_token_at = event.at;
      progress.tokens = event.tokens;
      progress.cached_tokens = event.cached_tokens;
      progress.refused = event.kind == EngineEvent::Kind::kRefused;
      progress.finished = progress.refused || event.kind == EngineEvent::Kind::kFinished;
      shared.is_new = true;
      if (!progress.finished) {
        shared.changed.notify_all();
        continue;
      }
      shared.changed.notify_all();
    }
    listeners_.erase(found);
  }
}

}  // namespace rage::simulator
