#include "embed/batcher.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "base/check.h"

namespace rage::embed {
namespace {

constexpr std::size_t kQueryBatchesInARowMax = 4;
constexpr std::size_t kCandidatesMax = 256;

}  // namespace

// One call of run(), shared with whoever encodes its texts: a caller who gives up leaves at once.
// All but `texts` (constant) and `values` (written by the one who encodes) is guarded by the
// Batcher's mutex.
struct Batcher::Call {
  std::vector<TokenIds> texts;
  std::vector<float> values;
  std::size_t unfinished = 0;
  std::optional<Error> error = std::nullopt;
  bool leads = false;
  bool sleeps = false;
  bool woken = false;  // And does not run yet.
  CondVar changed;

  bool ended() const { return error.has_value() || unfinished == 0; }
};

void MicroBatch::let_callers_run() const {
  if (callers_woken == nullptr || callers_woken->load(std::memory_order_relaxed) == 0) return;
  std::this_thread::yield();
}

Batcher::Batcher(EncodeBatch encode, std::size_t dimension, const BatcherOptions& options)
    : encode_(std::move(encode)), dimension_(dimension), options_(options) {
  CHECK(options.passes_max > 0);
  if (options.passes_max == 1) return;
  helpers_.emplace(
      WorkerPoolOptions{.threads = options.passes_max - 1, .queue_max = options.passes_max});
}

Batcher::~Batcher() {
  helpers_.reset();
  MutexLock lock(mutex_);
  CHECK(leaders_ == 0 && queries_.empty() && passages_.empty());
}

Result<std::vector<float>> Batcher::run(const Context& context, std::vector<TokenIds> texts,
                                        TextKind kind, Admission admission) {
  RETURN_IF_ERROR(context.check());
  const auto call = std::make_shared<Call>();
  call->values.resize(texts.size() * dimension_);
  call->unfinished = texts.size();
  call->texts = std::move(texts);
  RETURN_IF_ERROR(enqueue(call, kind, admission));
  while (const auto pass = next_pass(context, *call)) encode(*pass);
  MutexLock lock(mutex_);
  if (call->error) return fail(*call->error);
  return std::move(call->values);
}

std::size_t Batcher::waiting() const {
  MutexLock lock(mutex_);
  return queries_.size() + passages_.size();
}

Batcher::Queue& Batcher::queue_of(TextKind kind) {
  return kind == TextKind::kQuery ? queries_ : passages_;
}

Result<void> Batcher::enqueue(const std::shared_ptr<Call>& call, TextKind kind,
                              Admission admission) {
  MutexLock lock(mutex_);
  Queue& queue = queue_of(kind);
  if (admission == Admission::kNewCall && !queue.empty() &&
      queue.size() + call->texts.size() > options_.texts_waiting_max) {
    return fail(Error{.code = ErrorCode::kResourceExhausted,
                      .message = "too many texts wait for an embedding; try again later",
                      .retry_after = std::chrono::milliseconds(1000)});
  }
  for (std::size_t text = 0; text < call->texts.size(); ++text) queue.push_back({call, text});
  if (leaders_ < options_.passes_max) {
    call->leads = true;
    ++leaders_;
  }
  return {};
}

std::optional<Batcher::Pass> Batcher::next_pass(const Context& context, Call& call) {
  MutexLock lock(mutex_);
  for (;;) {
    wait(context, call);
    if (!call.ended()) abandon_if_given_up(context, call);
    if (call.ended()) break;
    CHECK(call.leads);
    Pass pass = take_pass();
    if (!pass.items.empty()) return pass;
    stop_leading(call);  // Others encode all that it waits for.
  }
  if (call.leads) stop_leading(call);
  return std::nullopt;
}

// Returns when the call has ended, leads, or its context says to give up.
void Batcher::wait(const Context& context, Call& call) {
  const auto ready = [&call] { return call.leads || call.ended(); };
  if (ready()) return;
  call.sleeps = true;
  if (context.deadline) {
    call.changed.wait_until(mutex_, context.stop, *context.deadline, ready);
  } else {
    call.changed.wait(mutex_, context.stop, ready);
  }
  call.sleeps = false;
  if (call.woken) --callers_woken_;
  call.woken = false;
}

void Batcher::note_woken(Call& call) {
  if (!call.sleeps || call.woken) return;
  call.woken = true;
  ++callers_woken_;
}

void Batcher::abandon_if_given_up(const Context& context, Call& call) {
  auto status = context.check();
  if (status) return;
  end_with_error(call, std::move(status).error());
}

// What still waits of it leaves the queue, so that nobody who has left is asked to lead.
void Batcher::end_with_error(Call& call, Error error) {
  call.error = std::move(error);
  const auto is_mine = [&call](const Item& item) { return item.call.get() == &call; };
  std::erase_if(queries_, is_mine);
  std::erase_if(passages_, is_mine);
}

Batcher::Queue& Batcher::choose_queue() {
  const bool passages_turn = query_batches_in_a_row_ >= kQueryBatchesInARowMax;
  const bool take_query = !queries_.empty() && (passages_.empty() || !passages_turn);
  query_batches_in_a_row_ = take_query ? query_batches_in_a_row_ + 1 : 0;
  return take_query ? queries_ : passages_;
}

Batcher::Pass Batcher::take_pass() {
  Pass pass;
  Queue& queue = choose_queue();
  if (queue.empty()) return pass;
  std::vector<std::size_t> lengths;
  for (const Item& item : queue) {
    if (lengths.size() == kCandidatesMax) break;
    lengths.push_back(item.call->texts[item.text].size());
  }
  const Packing packing = plan_packing(lengths, options_.packing);
  pass.batch.callers_woken = &callers_woken_;
  pass.batch.rows = packing.rows;
  pass.batch.row_tokens = packing.row_tokens;
  for (const Placement& placement : packing.placements) {
    Item& item = pass.items.emplace_back(std::move(queue[placement.text]));
    const std::span<float> values(item.call->values);
    pass.batch.texts.push_back({.ids = item.call->texts[item.text],
                                .row = placement.row,
                                .column = placement.column,
                                .vector = values.subspan(item.text * dimension_, dimension_)});
  }
  std::erase_if(queue, [](const Item& item) { return item.call == nullptr; });
  recruit();
  return pass;
}

void Batcher::encode(const Pass& pass) {
  const Result<void> outcome = encode_(pass.batch);
  std::vector<Call*> ended;
  ended.reserve(pass.items.size());
  {
    MutexLock lock(mutex_);
    for (const Item& item : pass.items) {
      Call& call = *item.call;
      if (call.ended()) continue;  // Gave up meanwhile.
      --call.unfinished;
      if (!outcome) end_with_error(call, outcome.error());
      if (!call.ended()) continue;
      note_woken(call);
      ended.push_back(&call);
    }
  }
  for (Call* call : ended) call->changed.notify_one();  // Without the lock that they wake up for.
}

// What a thread without a call of its own does.
void Batcher::help() {
  const auto next = [this] {
    MutexLock lock(mutex_);
    Pass pass = take_pass();
    if (pass.items.empty()) --leaders_;  // Nothing waits that another would have to be told of.
    return pass;
  };
  for (Pass pass = next(); !pass.items.empty(); pass = next()) encode(pass);
}

// If more waits than those who lead now have taken: the oldest question's caller, else the oldest
// passage's, leads as well; where all of them lead already, a thread of our own.
void Batcher::recruit() {
  if (leaders_ == options_.passes_max || (queries_.empty() && passages_.empty())) return;
  for (Queue* queue : {&queries_, &passages_}) {
    const auto waits = [](const Item& item) { return !item.call->leads; };
    const auto item = std::ranges::find_if(*queue, waits);
    if (item == queue->end()) continue;
    item->call->leads = true;
    note_woken(*item->call);
    item->call->changed.notify_one();
    ++leaders_;
    return;
  }
  if (helpers_ && helpers_->try_submit([this] { help(); })) ++leaders_;
}

void Batcher::stop_leading(Call& call) {
  call.leads = false;
  --leaders_;
  recruit();
}

}  // namespace rage::embed
