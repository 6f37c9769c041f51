// Drives an engine with any sequence of operations and says whether what it reports can be true.
// Shared by the property test and the fuzzer.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "simulator/engine.h"

namespace rage::simulator {

// Value: what to do next; every value of the fields is legal.
struct EngineStep {
  std::uint8_t what = 0;
  std::uint16_t prompt_tokens = 0;
  std::uint8_t output_tokens = 0;
  std::uint8_t prefix = 0;
  std::uint16_t milliseconds = 0;
};

// Resource. One thread.
class EngineDriver final {
 public:
  explicit EngineDriver(const EngineOptions& options)
      : options_(options), engine_(Engine::create(options)) {}

  void apply(const EngineStep& step) {
    now_ += std::chrono::milliseconds(step.milliseconds % 200);
    switch (step.what % 4) {
      case 0:
      case 1:
        submit(step);
        break;
      case 2:
        abort(step);
        break;
      default:
        drain(now_);
    }
  }

  // Lets everything end. False: something waits for ever.
  bool finish() {
    for (int steps = 0; engine_->next_step(); ++steps) {
      if (steps > 2'000'000) return false;
      now_ = std::max(now_, *engine_->next_step());
      drain(now_);
    }
    drain(now_);
    const EngineState state = engine_->state();
    return live_.empty() && state.running == 0 && state.waiting == 0 &&
           state.blocks_free == options_.blocks;
  }

  // Everything reported so far was possible.
  bool is_sound() const { return sound_ && engine_->is_consistent(); }
  const Engine& engine() const { return *engine_; }

 private:
  struct Live {
    std::uint64_t wanted = 0;
    std::uint64_t seen = 0;
  };

  void submit(const EngineStep& step) {
    EngineRequest request{.id = ++last_id_,
                          .prompt_tokens = step.prompt_tokens,
                          .output_tokens = step.output_tokens,
                          .prefilled_elsewhere = step.what / 4 % 4 == 3};
    if (step.prefix % 5 == 4) request.adapter = "adapter-" + std::to_string(step.prefix % 7);
    std::uint64_t hash = step.prefix % 8;  // Few distinct chains, so that many are shared.
    for (std::uint64_t i = 0; i < request.prompt_tokens / options_.block_tokens; ++i) {
      hash = hash * 0x9E3779B97F4A7C15 + 1;
      request.prompt_blocks.push_back(hash);
    }
    live_[request.id] = {.wanted = request.output_tokens};
    engine_->submit(std::move(request), now_);
  }

  void abort(const EngineStep& step) {
    drain(now_);
    const std::uint64_t id = last_id_ < 32 ? step.prefix : last_id_ - step.prefix % 32;
    engine_->abort(id, now_);
    live_.erase(id);
  }

  void drain(VirtualTime now) {
    for (const EngineEvent& event : engine_->advance(now)) observe(event);
    const EngineState state = engine_->state();
    expect(state.generated_tokens == tokens_seen_);
    expect(state.running + state.waiting == live_.size());
  }

  void observe(const EngineEvent& event) {
    expect(event.at >= last_event_ && event.at <= now_);
    last_event_ = event.at;
    const auto found = live_.find(event.id);
    expect(found != live_.end());
    if (found == live_.end()) return;
    Live& live = found->second;
    switch (event.kind) {
      case EngineEvent::Kind::kToken:
      case EngineEvent::Kind::kFinished: {
        const bool is_last = event.kind == EngineEvent::Kind::kFinished;
        if (live.seen == 0) observe_first_answer(event.id);
        const std::uint64_t tokens = live.wanted == 0 ? 0 : 1;
        expect(event.tokens == live.seen + tokens);
        expect(is_last == (event.tokens == live.wanted));
        live.seen = event.tokens;
        tokens_seen_ += tokens;
        if (is_last) live_.erase(found);
        break;
      }
      case EngineEvent::Kind::kPreempted:
        expect(event.tokens == live.seen);
        break;
      case EngineEvent::Kind::kRefused:
        expect(live.seen == 0);
        live_.erase(found);
        break;
    }
  }

  // First come, first served, unless an adapter had to wait for a slot.
  void observe_first_answer(std::uint64_t id) {
    expect(options_.adapters_max > 0 || id > last_answered_);
    last_answered_ = id;
  }

  void expect(bool truth) { sound_ = sound_ && truth; }

  const EngineOptions options_;
  const std::unique_ptr<Engine> engine_;
  VirtualTime now_{0};
  VirtualTime last_event_{0};
  std::uint64_t last_id_ = 0;
  std::uint64_t last_answered_ = 0;
  std::uint64_t tokens_seen_ = 0;
  std::unordered_map<std::uint64_t, Live> live_;
  bool sound_ = true;
};

}  // namespace rage::simulator
