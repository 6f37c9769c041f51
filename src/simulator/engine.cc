#include "simulator/engine.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "simulator/adapter_slots.h"
#include "simulator/kv_cache.h"

namespace rage::simulator {
namespace {

constexpr double kStepNanosecondsMax = 1e12;  // Keeps the sum of steps in range.

struct Sequence {
  EngineRequest request;
  std::uint64_t computed = 0;   // Tokens whose KV is there.
  std::uint64_t generated = 0;  // Output tokens.
  std::uint64_t cached = 0;     // Of the prompt, at the first admission.
  std::uint64_t scheduled = 0;  // Tokens of the step under way.
  bool admitted_before = false;
  std::vector<BlockId> blocks;

  std::uint64_t tokens() const { return request.prompt_tokens + generated; }
  bool is_decoding() const { return generated > 0 && computed + 1 == tokens(); }
};

std::uint64_t blocks_for(std::uint64_t tokens, std::uint64_t block_tokens) {
  return (tokens + block_tokens - 1) / block_tokens;
}

class DiscreteEngine final : public Engine {
 public:
  explicit DiscreteEngine(const EngineOptions& options)
      : options_(options),
        cache_(static_cast<std::uint32_t>(options.blocks),
               options.prefix_caching ? KvCache::PrefixCaching::kOn : KvCache::PrefixCaching::kOff),
        adapters_(options.adapters_max) {}

  void submit(EngineRequest request, VirtualTime now) override {
    run_until(now);
    request.prompt_tokens = std::max<std::uint64_t>(request.prompt_tokens, 1);
    const std::uint64_t full = request.prompt_tokens / options_.block_tokens;
    if (request.prompt_blocks.size() > full) request.prompt_blocks.resize(full);
    if (!can_ever_run(request)) {
      emit(EngineEvent::Kind::kRefused, request.id, 0, 0);
      return;
    }
    const auto [place, added] = sequences_.try_emplace(request.id);
    CHECK(added);
    place->second.request = std::move(request);
    waiting_.push_back(&place->second);
    if (!step_end_) begin_step();
  }

  void abort(std::uint64_t id, VirtualTime now) override {
    run_until(now);
    const auto found = sequences_.find(id);
    if (found == sequences_.end()) return;
    Sequence* sequence = &found->second;
    if (std::erase(running_, sequence) > 0) {
      leave_accelerator(*sequence);
    } else {
      CHECK(std::erase(waiting_, sequence) == 1);
    }
    sequences_.erase(found);
  }

  std::optional<VirtualTime> next_step() const override { return step_end_; }

  std::vector<EngineEvent> advance(VirtualTime now) override {
    run_until(now);
    return std::exchange(events_, {});
  }

  EngineState state() const override {
    EngineState state = totals_;
    state.running = static_cast<std::uint32_t>(running_.size());
    state.waiting = static_cast<std::uint32_t>(waiting_.size());
    state.blocks_free = cache_.free_blocks();
    state.kv_usage = 1.0 - static_cast<double>(cache_.free_blocks()) / cache_.blocks();
    state.active_adapters = adapters_.in_use();
    std::set<std::string_view> names;
    if (options_.adapters_max > 0) {
      for (const Sequence* sequence : waiting_) names.insert(sequence->request.adapter);
    }
    names.erase("");
    state.waiting_adapters.assign(names.begin(), names.end());
    return state;
  }

  void record_cache_changes() override { cache_.record_changes(); }
  std::vector<CacheChange> take_cache_changes() override { return cache_.take_changes(); }

  bool is_consistent() const override {
    if (!cache_.is_consistent()) return false;
    std::set<BlockId> held;
    for (const Sequence* sequence : running_) {
      held.insert(sequence->blocks.begin(), sequence->blocks.end());
      if (sequence->blocks.size() < blocks_for(sequence->computed, options_.block_tokens)) {
        return false;
      }
    }
    const bool somebody_is_served = sequences_.empty() || step_end_.has_value();
    return held.size() + cache_.free_blocks() == cache_.blocks() &&
           running_.size() + waiting_.size() == sequences_.size() &&
           running_.size() <= options_.sequences_max && somebody_is_served;
  }

 private:
  void emit(EngineEvent::Kind kind, std::uint64_t id, std::uint64_t tokens, std::uint64_t cached) {
    events_.push_back(
        {.kind = kind, .id = id, .at = now_, .tokens = tokens, .cached_tokens = cached});
  }

  void run_until(VirtualTime now) {
    while (step_end_ && *step_end_ <= now) {
      now_ = *step_end_;
      end_step();
      begin_step();
    }
    now_ = std::max(now_, now);
  }

  bool can_ever_run(const EngineRequest& request) const {
    const std::uint64_t room = options_.blocks * options_.block_tokens;
    return request.prompt_tokens <= room && request.output_tokens <= room - request.prompt_tokens;
  }

  // Every sequence that took part gets its token; those with their last one leave.
  void end_step() {
    events_.reserve(events_.size() + running_.size());
    std::size_t kept = 0;
    for (Sequence* sequence : running_) {
      if (!end_step_of(*sequence)) running_[kept++] = sequence;
    }
    running_.resize(kept);
  }

  // True: it is finished and gone.
  bool end_step_of(Sequence& sequence) {
    if (sequence.scheduled == 0) return false;
    sequence.computed += std::exchange(sequence.scheduled, 0);
    if (sequence.computed < sequence.tokens()) return false;
    if (sequence.generated == 0) totals_.prompt_tokens += sequence.request.prompt_tokens;
    const std::uint64_t wanted = sequence.request.output_tokens;
    if (wanted > 0) {
      ++sequence.generated;
      ++totals_.generated_tokens;
    }
    const bool finished = sequence.generated == wanted;
    emit(finished ? EngineEvent::Kind::kFinished : EngineEvent::Kind::kToken, sequence.request.id,
         sequence.generated, sequence.cached);
    if (!finished) return false;
    ++totals_.finished;
    leave_accelerator(sequence);
    sequences_.erase(sequence.request.id);
    return true;
  }

  void leave_accelerator(Sequence& sequence) {
    cache_.release(sequence.blocks);
    adapters_.release(sequence.request.adapter);
  }

  void begin_step() {
    Step step{.budget = options_.batch_tokens_max};
    bool preempted = false;
    for (std::size_t i = 0; i < running_.size() && step.budget > 0; ++i) {
      Sequence& sequence = *running_[i];
      const std::uint64_t tokens = std::min(step.budget, sequence.tokens() - sequence.computed);
      bool fits = has_room(sequence, tokens);
      while (!fits && running_.size() > i) {
        preempt_newest();
        preempted = true;
        fits = running_.size() > i && has_room(sequence, tokens);
      }
      if (fits) schedule(sequence, tokens, step);
    }
    if (!preempted) admit(step);
    step_end_.reset();
    if (step.sequences > 0) step_end_ = now_ + duration_of(step);
  }

  struct Step {
    std::uint64_t budget = 0;
    std::uint64_t sequences = 0;
    std::uint64_t prefilled = 0;
    std::uint64_t attended = 0;
    VirtualTime loading{0};
  };

  bool has_room(Sequence& sequence, std::uint64_t tokens) {
    const std::uint64_t wanted = blocks_for(sequence.computed + tokens, options_.block_tokens);
    if (wanted <= sequence.blocks.size()) return true;
    return cache_.acquire({}, wanted - sequence.blocks.size(), sequence.blocks);
  }

  void schedule(Sequence& sequence, std::uint64_t tokens, Step& step) {
    if (sequence.is_decoding()) {
      step.attended += sequence.tokens();
    } else {
      step.prefilled += tokens;
      publish(sequence, sequence.computed + tokens);
    }
    sequence.scheduled = tokens;
    step.budget -= tokens;
    ++step.sequences;
  }

  // Blocks of the prompt that will be complete when this step ends.
  void publish(const Sequence& sequence, std::uint64_t tokens) {
    const auto& chain = sequence.request.prompt_blocks;
    const std::size_t end = std::min<std::size_t>(chain.size(), tokens / options_.block_tokens);
    for (std::size_t i = sequence.computed / options_.block_tokens; i < end; ++i) {
      cache_.publish(sequence.blocks[i], chain[i]);
    }
  }

  void preempt_newest() {
    Sequence& sequence = *running_.back();
    running_.pop_back();
    leave_accelerator(sequence);
    sequence.computed = sequence.scheduled = 0;
    waiting_.push_front(&sequence);
    ++totals_.preemptions;
    emit(EngineEvent::Kind::kPreempted, sequence.request.id, sequence.generated, sequence.cached);
  }

  // First come, first served; only those whose adapter finds no slot are passed over.
  void admit(Step& step) {
    std::vector<Sequence*> passed_over;
    while (!waiting_.empty() && step.budget > 0 && running_.size() < options_.sequences_max) {
      Sequence& sequence = *waiting_.front();
      const Admission outcome = try_admit(sequence, step);
      if (outcome == Admission::kNoBlocks) break;
      waiting_.pop_front();
      if (outcome == Admission::kNoSlot) {
        passed_over.push_back(&sequence);
      } else {
        running_.push_back(&sequence);
      }
    }
    waiting_.insert(waiting_.begin(), passed_over.begin(), passed_over.end());
  }

  enum class Admission { kAdmitted, kNoBlocks, kNoSlot };

  Admission try_admit(Sequence& sequence, Step& step) {
    if (!adapters_.has_room_for(sequence.request.adapter)) return Admission::kNoSlot;
    // The last token is always computed: its output is the next one.
    const std::uint64_t reusable = (sequence.tokens() - 1) / options_.block_tokens;
    const std::span<const std::uint64_t> chain = sequence.request.prompt_blocks;
    const std::size_t cached =
        cache_.count_cached(chain.first(std::min<std::size_t>(chain.size(), reusable)));
    const std::uint64_t wanted = blocks_for(sequence.tokens(), options_.block_tokens);
    if (!cache_.acquire(chain.first(cached), wanted - cached, sequence.blocks)) {
      return Admission::kNoBlocks;
    }
    const AdapterSlots::Use use = adapters_.acquire(sequence.request.adapter);
    if (use == AdapterSlots::Use::kLoaded) step.loading += options_.adapter_load;
    sequence.computed = cached * options_.block_tokens;
    if (!sequence.admitted_before) {
      sequence.admitted_before = true;
      if (sequence.request.prefilled_elsewhere) {
        publish(sequence, sequence.tokens() - 1);
        sequence.computed = sequence.tokens() - 1;
      }
      sequence.cached = sequence.computed;
      totals_.prefix_queries += sequence.request.prompt_tokens;
      totals_.prefix_hits += sequence.cached;
    }
    schedule(sequence, std::min(step.budget, sequence.tokens() - sequence.computed), step);
    return Admission::kAdmitted;
  }

  VirtualTime duration_of(const Step& step) const {
    const double nanoseconds =
        static_cast<double>(options_.decode_base.count()) +
        static_cast<double>(options_.decode_per_sequence.count()) *
            static_cast<double>(step.sequences) +
        options_.decode_nanoseconds_per_kv_token * static_cast<double>(step.attended) +
        1e9 * static_cast<double>(step.prefilled) / options_.prefill_tokens_per_second +
        static_cast<double>(step.loading.count());
    return VirtualTime(std::llround(std::clamp(nanoseconds, 1.0, kStepNanosecondsMax)));
  }

  const EngineOptions options_;
  KvCache cache_;
  AdapterSlots adapters_;
  std::unordered_map<std::uint64_t, Sequence> sequences_;
  std::deque<Sequence*> waiting_;
  std::vector<Sequence*> running_;  // In order of admission.
  std::vector<EngineEvent> events_;
  VirtualTime now_{0};
  std::optional<VirtualTime> step_end_;
  EngineState totals_;
};

}  // namespace

std::unique_ptr<Engine> Engine::create(const EngineOptions& options) {
  CHECK(options.validate());
  return std::make_unique<DiscreteEngine>(options);
}

}  // namespace rage::simulator
