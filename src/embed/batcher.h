// Merges texts of concurrent callers into micro-batches for an encoder that runs one at a time.
// There is no thread of its own: a caller who finds the encoder idle leads, the others wait, and
// whoever is next in the queue leads on. A lone caller thus pays no hand-over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "base/mutex.h"
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
};

// Writes every text's vector. Never called by two threads at once; must not throw.
using EncodeBatch = std::function<Result<void>(const MicroBatch&)>;

struct BatcherOptions {
  PackingOptions packing = {};
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

  Queue& queue_of(TextKind kind) REQUIRES(mutex_);
  Result<void> enqueue(const std::shared_ptr<Call>& call, TextKind kind, Admission admission);
  void wait(const Context& context, Call& call);
  // Empty once the call has ended, one way or the other; then somebody else leads.
  std::vector<Item> take_batch(const Context& context, Call& call, MicroBatch& batch);
  Queue& choose_queue() REQUIRES(mutex_);
  std::vector<Item> take_from(Queue& queue, MicroBatch& batch) REQUIRES(mutex_);
  void complete(const std::vector<Item>& items, const Result<void>& outcome);
  void hand_over() REQUIRES(mutex_);
  void abandon_if_given_up(const Context& context, Call& call) REQUIRES(mutex_);
  void end_with_error(Call& call, Error error) REQUIRES(mutex_);

  const EncodeBatch encode_;
  const std::size_t dimension_;
  const BatcherOptions options_;
  mutable Mutex mutex_;
  Queue queries_ GUARDED_BY(mutex_);
  Queue passages_ GUARDED_BY(mutex_);
  std::size_t query_batches_in_a_row_ GUARDED_BY(mutex_) = 0;
  bool led_ GUARDED_BY(mutex_) = false;  // Somebody runs batches, or was told to.
};

}  // namespace rage::embed
