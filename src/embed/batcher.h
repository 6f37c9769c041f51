// Merges texts of concurrent callers into micro-batches for an encoder that runs a few at a time. A
// caller who finds a pass free leads, the others wait, and whoever is next in the queue leads on: a
// lone caller pays no hand-over. Threads of its own lead only where one call brings more than
// a micro-batch and a pass would stay free.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/worker_pool.h"
#include "embed/embedder.h"
#include "embed/packing.h"

namespace rage::embed {

using TokenIds = std::vector<std::int32_t>;

// Value. One text of a micro-batch and where its vector goes.
struct PlacedText {
  std::span<const std::int32_t> ids;
  std::size_t row = 0;
  std::size_t column = 0;
  std::span<float> vector;
};

// Value. A micro-batch: `texts` lie side by side in rows x row_tokens.
struct MicroBatch {
  std::size_t rows = 0;
  std::size_t row_tokens = 0;
  std::vector<PlacedText> texts;
  const std::atomic<std::size_t>* callers_woken = nullptr;  // Nothing: nobody waits for vectors.

  // For an encoder to call every millisecond or so. Lets callers run who have their vectors and
  // wait for a core, which the scheduler may leave behind this pass while another core idles.
  // Costs nothing when there are none: a core is not given up to other programs for no reason.
  void let_callers_run() const;
};

// Writes every text's vector. Called by `passes_max` threads at once, no more; must not throw.
using EncodeBatch = std::function<Result<void>(const MicroBatch&)>;

struct BatcherOptions {
  PackingOptions packing = {};
  std::size_t passes_max = 1;  // Micro-batches that are encoded side by side.
  // Waiting texts of one kind (questions or passages); past that, new callers are refused.
  std::size_t texts_waiting_max = 1024;
};

// kContinued: a further part of a call that was let in before is not refused.
enum class Admission { kNewCall, kContinued };

// Resource. Thread-safe. All calls have returned before it is destroyed.
class Batcher final {
 public:
  Batcher(EncodeBatch encode, std::size_t dimension, const BatcherOptions& options);
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // The vectors of all `texts`, one after the other; ids are not empty. kResourceExhausted when too
  // much waits, kCancelled or kDeadlineExceeded as soon as the context says so (a caller who leads
  // first ends his micro-batch), or the encoder's error. Questions go first; while passages wait,
  // they get every fifth micro-batch.
  Result<std::vector<float>> run(const Context& context, std::vector<TokenIds> texts, TextKind kind,
                                 Admission admission);

  // Texts in the queue, those being encoded not counted.
  std::size_t waiting() const;

 private:
  struct Call;
  struct Item {
    std::shared_ptr<Call> call;
    std::size_t text = 0;
  };
  using Queue = std::deque<Item>;

  // A micro-batch and whose texts are in it.
  struct Pass {
    MicroBatch batch;
    std::vector<Item> items;
  };

  Queue& queue_of(TextKind kind) REQUIRES(mutex_);
  Result<void> enqueue(const std::shared_ptr<Call>& call, TextKind kind, Admission admission);
  // What the caller's thread encodes next, once it leads; nothing when the call has ended, one way
  // or the other.
  std::optional<Pass> next_pass(const Context& context, Call& call);
  void wait(const Context& context, Call& call) REQUIRES(mutex_);
  Pass take_pass() REQUIRES(mutex_);
  Queue& choose_queue() REQUIRES(mutex_);
  void encode(const Pass& pass);
  void note_woken(Call& call) REQUIRES(mutex_);
  void help();
  void recruit() REQUIRES(mutex_);
  void stop_leading(Call& call) REQUIRES(mutex_);
  void abandon_if_given_up(const Context& context, Call& call) REQUIRES(mutex_);
  void end_with_error(Call& call, Error error) REQUIRES(mutex_);

  const EncodeBatch encode_;
  const std::size_t dimension_;
  const BatcherOptions options_;
  mutable Mutex mutex_;
  Queue queries_ GUARDED_BY(mutex_);
  Queue passages_ GUARDED_BY(mutex_);
  std::size_t query_batches_in_a_row_ GUARDED_BY(mutex_) = 0;
  std::size_t leaders_ GUARDED_BY(mutex_) = 0;  // Run passes, or were told to.
  std::atomic<std::size_t> callers_woken_ = 0;  // And do not run yet. Written with mutex_ held.
  std::optional<WorkerPool> helpers_;           // One fewer than passes.
};

}  // namespace rage::embed
