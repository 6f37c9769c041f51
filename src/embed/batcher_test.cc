#include "embed/batcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace rage::embed {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

// Thread-safe. Stands in for the encoder: the vector of a text is its first id and its length.
// While it is held, encode() waits; it records which texts it saw, batch by batch.
class FakeEncoder final {
 public:
  Result<void> encode(const MicroBatch& batch) {
    std::vector<std::int32_t> seen;
    for (const PlacedText& text : batch.texts) {
      text.vector[0] = static_cast<float>(text.ids[0]);
      text.vector[1] = static_cast<float>(text.ids.size());
      seen.push_back(text.ids[0]);
    }
    MutexLock lock(mutex_);
    const bool failing = std::ranges::find(seen, kPoison) != seen.end();
    batches_.push_back(std::move(seen));
    callers_woken_ = batch.callers_woken->load();
    at_once_max_ = std::max(at_once_max_, ++at_once_);
    changed_.notify_all();
    while (held_) changed_.wait(mutex_);
    --at_once_;
    if (failing) return fail(ErrorCode::kInternal, "poisoned");
    return {};
  }
  void hold() {
    MutexLock lock(mutex_);
    held_ = true;
  }
  void release() {
    MutexLock lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void wait_for_batches(std::size_t count) {
    MutexLock lock(mutex_);
    while (batches_.size() < count) changed_.wait(mutex_);
  }
  std::vector<std::vector<std::int32_t>> batches() {
    MutexLock lock(mutex_);
    return batches_;
  }

  std::size_t at_once_max() {
    MutexLock lock(mutex_);
    return at_once_max_;
  }

  // As the last micro-batch found it.
  std::size_t callers_woken() {
    MutexLock lock(mutex_);
    return callers_woken_;
  }

  static constexpr std::int32_t kPoison = 666;

 private:
  Mutex mutex_;
  CondVar changed_;
  bool held_ GUARDED_BY(mutex_) = false;
  std::size_t at_once_ GUARDED_BY(mutex_) = 0;
  std::size_t at_once_max_ GUARDED_BY(mutex_) = 0;
  std::size_t callers_woken_ GUARDED_BY(mutex_) = 0;
  std::vector<std::vector<std::int32_t>> batches_ GUARDED_BY(mutex_);
};

std::vector<TokenIds> texts_of(std::int32_t id, std::size_t count = 1, std::size_t tokens = 12) {
  return {count, TokenIds(tokens, id)};
}

class BatcherTest : public ::testing::Test {
 protected:
  auto run(std::vector<TokenIds> texts, TextKind kind = TextKind::kQuery,
           const Context& context = {}) {
    return batcher_.run(context, std::move(texts), kind, Admission::kNewCall);
  }
  // A caller in a thread of its own; returns once its texts wait in the queue.
  std::jthread call(std::vector<TokenIds> texts, TextKind kind, Result<std::vector<float>>& outcome,
                    const Context& context = {}) {
    const std::size_t expected = batcher_.waiting() + texts.size();
    std::jthread caller([this, texts = std::move(texts), kind, &outcome, context] {
      outcome = run(texts, kind, context);
    });
    while (batcher_.waiting() < expected) std::this_thread::yield();
    return caller;
  }
  // Keeps the encoder busy with text number 1 until release().
  std::jthread occupy() {
    encoder_.hold();
    std::jthread caller([this] { EXPECT_TRUE(run(texts_of(1))); });
    encoder_.wait_for_batches(1);
    return caller;
  }

  FakeEncoder encoder_;
  Batcher batcher_{[this](const MicroBatch& batch) { return encoder_.encode(batch); },
                   2,
                   {.texts_waiting_max = 8}};
};

using Outcome = Result<std::vector<float>>;

TEST_F(BatcherTest, ALoneCallerIsServedAtOnce) {
  const auto vectors = run(texts_of(7));
  ASSERT_TRUE(vectors);
  EXPECT_THAT(*vectors, ElementsAre(7, 12));
  EXPECT_THAT(*run({}), ElementsAre());
}

TEST_F(BatcherTest, CallersThatWaitAreMergedIntoOneBatch) {
  Outcome a;
  Outcome b;
  {
    const auto first = occupy();
    const auto second = call(texts_of(2), TextKind::kQuery, a);
    const auto third = call(texts_of(3, 2, 5), TextKind::kQuery, b);
    encoder_.release();
  }
  EXPECT_THAT(encoder_.batches(), ElementsAre(ElementsAre(1), ElementsAre(2, 3, 3)));
  EXPECT_THAT(*a, ElementsAre(2, 12));
  EXPECT_THAT(*b, ElementsAre(3, 5, 3, 5));
}

// A person who asks must not wait until somebody's documents are indexed.
TEST_F(BatcherTest, QuestionsGoBeforePassages) {
  Outcome passages;
  Outcome question;
  {
    const auto first = occupy();
    const auto second = call(texts_of(2, 4, 250), TextKind::kPassage, passages);
    const auto third = call(texts_of(3), TextKind::kQuery, question);
    encoder_.release();
  }
  EXPECT_THAT(encoder_.batches(),
              ElementsAre(ElementsAre(1), ElementsAre(3), ElementsAre(2, 2), ElementsAre(2, 2)));
}

// A steady stream of questions must not stop indexing for good.
TEST_F(BatcherTest, PassagesGetEveryFifthBatch) {
  Outcome passage;
  std::vector<Outcome> questions(6);
  {
    const auto first = occupy();
    const auto second = call(texts_of(2, 1, 250), TextKind::kPassage, passage);
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < questions.size(); ++i) {  // Too long to share a micro-batch.
      callers.push_back(
          call(texts_of(10 + static_cast<int>(i), 1, 500), TextKind::kQuery, questions[i]));
    }
    encoder_.release();
  }
  EXPECT_THAT(encoder_.batches(),
              ElementsAre(ElementsAre(1), ElementsAre(10), ElementsAre(11), ElementsAre(12),
                          ElementsAre(2), ElementsAre(13), ElementsAre(14), ElementsAre(15)));
}

TEST_F(BatcherTest, RefusesWhenTooMuchWaits) {
  Outcome waiting;
  Outcome question;
  {
    const auto first = occupy();
    const auto second = call(texts_of(2, 6), TextKind::kPassage, waiting);
    const auto refused = run(texts_of(3, 3), TextKind::kPassage);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
    EXPECT_TRUE(refused.error().retry_after.has_value());
    const auto third = call(texts_of(4), TextKind::kQuery, question);  // Has a queue of its own.
    encoder_.release();
  }
  EXPECT_TRUE(waiting);
  EXPECT_TRUE(question);
}

TEST_F(BatcherTest, ACallerWhoLeavesIsNotEncoded) {
  Outcome left;
  Outcome late;
  Outcome stays;
  std::stop_source stop;
  {
    const auto first = occupy();
    auto second = call(texts_of(2), TextKind::kQuery, left, {.stop = stop.get_token()});
    const auto fourth = call(texts_of(4), TextKind::kQuery, stays);
    // Its time may be over before or after it reached the queue: the answer is the same.
    std::jthread third([&] {
      late =
          run(texts_of(3), TextKind::kQuery, Context::with_timeout(std::chrono::milliseconds(5)));
    });
    stop.request_stop();
    second.join();  // Returns although the encoder is still busy.
    third.join();
    EXPECT_EQ(batcher_.waiting(), 1U);
    encoder_.release();
  }
  EXPECT_EQ(left.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(*stays, ElementsAre(4, 12));
  EXPECT_THAT(encoder_.batches(), ElementsAre(ElementsAre(1), ElementsAre(4)));
}

TEST_F(BatcherTest, AFailureReachesTheCallersOfItsBatchAlone) {
  Outcome poisoned;
  Outcome fine;
  {
    const auto first = occupy();
    const auto second = call(texts_of(FakeEncoder::kPoison, 3, 250), TextKind::kPassage, poisoned);
    const auto third = call(texts_of(3), TextKind::kQuery, fine);
    encoder_.release();
  }
  ASSERT_FALSE(poisoned);
  EXPECT_EQ(poisoned.error().message, "poisoned");
  EXPECT_TRUE(fine);
  EXPECT_EQ(batcher_.waiting(), 0U);
  EXPECT_TRUE(run(texts_of(5)));
}

struct TwoPasses : ::testing::Test {
  FakeEncoder encoder;
  Batcher batcher{[this](const MicroBatch& batch) { return encoder.encode(batch); },
                  2,
                  {.packing = {.padded = false, .batch_tokens_max = 20}, .passes_max = 2}};
};

// Half of the machine would stay idle while somebody waits.
TEST_F(TwoPasses, TwoCallersAreServedSideBySide) {
  encoder.hold();
  std::vector<std::jthread> callers;
  for (const std::int32_t id : {1, 2}) {
    callers.emplace_back([this, id] {
      EXPECT_TRUE(batcher.run({}, texts_of(id), TextKind::kQuery, Admission::kNewCall));
    });
  }
  encoder.wait_for_batches(2);
  encoder.release();
}

TEST_F(TwoPasses, ALongCallAloneTakesBoth) {
  encoder.hold();
  std::jthread caller([this] {
    const auto vectors = batcher.run({}, texts_of(1, 5), TextKind::kPassage, Admission::kNewCall);
    ASSERT_TRUE(vectors);
    EXPECT_THAT(*vectors, ElementsAre(1, 12, 1, 12, 1, 12, 1, 12, 1, 12));
  });
  encoder.wait_for_batches(2);
  encoder.release();
  caller.join();
  EXPECT_EQ(encoder.batches().size(), 5U);
}

// Whoever leaves while he leads leaves no work behind that nobody does.
TEST_F(TwoPasses, WhatALeaderLeavesIsDone) {
  encoder.hold();
  std::stop_source stop;
  std::jthread leaver([&] {
    const auto left = batcher.run({.stop = stop.get_token()}, texts_of(1, 5), TextKind::kPassage,
                                  Admission::kNewCall);
    // The other thread may have done all of it before he looks.
    if (!left) {
      EXPECT_EQ(left.error().code, ErrorCode::kCancelled);
    }
  });
  encoder.wait_for_batches(2);
  std::jthread other([this] {
    EXPECT_TRUE(batcher.run({}, texts_of(2, 3), TextKind::kPassage, Admission::kNewCall));
  });
  stop.request_stop();
  encoder.release();
}

// Under concurrency every caller gets his own rows, whoever encoded them and whoever left
// meanwhile.
class ManyCallers : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Batcher, ManyCallers, ::testing::Values(1, 2, 3));

TEST_P(ManyCallers, GetTheirOwnRows) {
  FakeEncoder encoder;
  Batcher batcher([&](const MicroBatch& batch) { return encoder.encode(batch); }, 2,
                  {.packing = {.padded = GetParam() == 1}, .passes_max = GetParam()});
  std::vector<std::jthread> callers;
  for (std::int32_t caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&batcher, caller] {
      for (std::int32_t i = 0; i < 100; ++i) {
        std::stop_source stop;
        const Context context{.stop = stop.get_token()};
        std::jthread canceller;
        if (i % 10 == 9) canceller = std::jthread([&stop] { stop.request_stop(); });
        const std::int32_t id = 1000 + caller * 1000 + i;
        const auto count = static_cast<std::size_t>(1 + i % 3);
        const auto kind = i % 4 == 0 ? TextKind::kPassage : TextKind::kQuery;
        const auto vectors =
            batcher.run(context, texts_of(id, count, 3 + count), kind, Admission::kNewCall);
        if (!vectors && i % 10 == 9) continue;
        ASSERT_TRUE(vectors);
        for (std::size_t row = 0; row < count; ++row) {
          EXPECT_EQ((*vectors)[row * 2], static_cast<float>(id));
          EXPECT_EQ((*vectors)[row * 2 + 1], static_cast<float>(3 + count));
        }
      }
    });
  }
  callers.clear();
  EXPECT_LE(encoder.at_once_max(), GetParam());
  // Nobody who left is still expected: that would give the core of every later pass away.
  EXPECT_TRUE(batcher.run({}, texts_of(1), TextKind::kQuery, Admission::kNewCall));
  EXPECT_EQ(encoder.callers_woken(), 0U);
}

}  // namespace
}  // namespace rage::embed
