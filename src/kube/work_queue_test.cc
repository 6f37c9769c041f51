#include "kube/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "kube/manual_clock_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using apis::ObjectKey;

const ObjectKey kFirst{.ns = "n", .name = "a"};
const ObjectKey kSecond{.ns = "n", .name = "b"};
const std::stop_token kNever;

std::optional<ObjectKey> get_now(WorkQueue& queue) {
  if (queue.depth() == 0) return std::nullopt;
  return queue.get(kNever);
}

TEST(WorkQueue, HoldsEachKeyOnceAndInOrder) {
  ManualClock clock;
  WorkQueue queue(clock);
  for (const ObjectKey& key : {kFirst, kSecond, kFirst}) queue.add(key);
  EXPECT_EQ(queue.depth(), 2U);
  EXPECT_EQ(queue.get(kNever), kFirst);
  EXPECT_EQ(queue.get(kNever), kSecond);
  queue.done(kFirst);
  queue.done(kSecond);
  EXPECT_EQ(queue.depth(), 0U);
}

// A change that comes while its object is reconciled must not be missed, nor handled beside it.
TEST(WorkQueue, BringsBackAKeyThatWasAddedWhileWorkedOn) {
  ManualClock clock;
  WorkQueue queue(clock);
  queue.add(kFirst);
  EXPECT_EQ(queue.get(kNever), kFirst);
  queue.add(kFirst);
  queue.add(kFirst);
  EXPECT_EQ(get_now(queue), std::nullopt);
  queue.done(kFirst);
  EXPECT_EQ(get_now(queue), kFirst);
  queue.done(kFirst);
  EXPECT_EQ(get_now(queue), std::nullopt);
}

TEST(WorkQueue, DelaysAndTheEarliestWins) {
  ManualClock clock;
  WorkQueue queue(clock);
  queue.add_after(kFirst, 10s);
  queue.add_after(kFirst, 3s);
  queue.add_after(kFirst, 7s);
  queue.add_after(kSecond, 5s);
  clock.wait_for_sleepers(1);
  clock.advance(2999ms);
  EXPECT_EQ(queue.depth(), 0U);
  clock.advance(1ms);
  EXPECT_EQ(queue.get(kNever), kFirst);
  queue.done(kFirst);
  clock.wait_for_sleepers(1);
  clock.advance(2s);
  EXPECT_EQ(queue.get(kNever), kSecond);
  queue.done(kSecond);
  clock.advance(1h);  // The later delays of kFirst have gone with the earliest.
  queue.add_after(kSecond, 0ms);
  EXPECT_EQ(queue.get(kNever), kSecond);
  EXPECT_EQ(queue.depth(), 0U);
  queue.done(kSecond);
}

TEST(WorkQueue, BacksOffPerKeyUntilForgotten) {
  ManualClock clock;
  WorkQueue queue(clock, {.backoff_min = 5ms, .backoff_max = 18ms});
  const auto fail_once = [&](const ObjectKey& key) {
    queue.add_rate_limited(key);
    clock.wait_for_sleepers(1);
    const auto delay = clock.until_next_wake();
    clock.advance(delay);
    EXPECT_EQ(queue.get(kNever), key);
    queue.done(key);
    return delay;
  };
  std::vector<std::chrono::nanoseconds> delays;
  for (int i = 0; i < 5; ++i) delays.push_back(fail_once(kFirst));
  EXPECT_THAT(delays, testing::ElementsAre(5ms, 10ms, 18ms, 18ms, 18ms));
  EXPECT_EQ(fail_once(kSecond), 5ms);
  queue.forget(kFirst);
  EXPECT_EQ(fail_once(kFirst), 5ms);
}

TEST(WorkQueue, GetEndsWithTheStopTokenAndWithTheQueue) {
  ManualClock clock;
  WorkQueue queue(clock);
  std::stop_source stop;
  std::jthread waiting([&] { EXPECT_EQ(queue.get(stop.get_token()), std::nullopt); });
  stop.request_stop();
  waiting.join();
  queue.add(kFirst);
  EXPECT_EQ(queue.get(stop.get_token()), std::nullopt);  // It stays for somebody else.

  queue.add_after(kSecond, 1s);
  queue.shut_down();
  queue.add(kSecond);
  EXPECT_EQ(queue.get(kNever), kFirst);
  queue.add(kFirst);  // Not taken in any more.
  queue.done(kFirst);
  EXPECT_EQ(queue.get(kNever), std::nullopt);
  queue.shut_down();
}

TEST(WorkQueue, CountsUnderClientGosNames) {
  ManualClock clock;
  obs::MetricRegistry metrics;
  WorkQueue queue(clock, {.metrics = &metrics, .name = "workspace"});
  queue.add(kFirst);
  queue.add(kFirst);
  queue.add(kSecond);
  clock.advance(2s);
  EXPECT_EQ(queue.get(kNever), kFirst);
  clock.advance(3s);
  queue.done(kFirst);
  queue.add_rate_limited(kFirst);
  const std::string text = metrics.render();
  for (const char* line :
       {"workqueue_depth{name=\"workspace\"} 1", "workqueue_adds_total{name=\"workspace\"} 2",
        "workqueue_retries_total{name=\"workspace\"} 1",
        "workqueue_queue_duration_seconds_sum{name=\"workspace\"} 2",
        "workqueue_work_duration_seconds_sum{name=\"workspace\"} 3"}) {
    EXPECT_THAT(text, testing::HasSubstr(line));
  }
}

// What every version of every key came to, and who works on it.
struct Ledger {
  struct Entry {
    int asked = 0;
    int seen = 0;
    bool working = false;
  };
  std::map<ObjectKey, Entry> entries;
  bool settled() const {
    return std::ranges::all_of(entries, [](const auto& entry) {
      return entry.second.asked == entry.second.seen && !entry.second.working;
    });
  }
};

void work(WorkQueue& queue, Guarded<Ledger>& ledger, std::stop_token stop, unsigned seed) {
  std::minstd_rand random(seed);
  while (const auto key = queue.get(stop)) {
    ledger.with([&](Ledger& all) {
      Ledger::Entry& entry = all.entries[*key];
      EXPECT_FALSE(std::exchange(entry.working, true)) << key->str() << " twice at once";
      entry.seen = entry.asked;
    });
    std::this_thread::yield();
    ledger.with([&](Ledger& all) { all.entries[*key].working = false; });
    if (random() % 8 == 0) queue.add_rate_limited(*key);
    if (random() % 4 == 0) queue.forget(*key);
    queue.done(*key);
  }
}

void ask(WorkQueue& queue, Guarded<Ledger>& ledger, ManualClock& clock, unsigned seed) {
  std::minstd_rand random(seed);
  for (int i = 0; i < 400; ++i) {
    const ObjectKey key{.ns = "n", .name = std::to_string(random() % 13)};
    ledger.with([&](Ledger& all) { ++all.entries[key].asked; });
    switch (random() % 3) {
      case 0:
        queue.add(key);
        break;
      case 1:
        queue.add_after(key, std::chrono::milliseconds(random() % 50));
        break;
      default:
        queue.add_rate_limited(key);
    }
    if (random() % 4 == 0) clock.advance(std::chrono::milliseconds(random() % 20));
  }
}

// Two reconciles of one object at once would fight; a lost key would never be reconciled again.
TEST(WorkQueue, NeverRunsAKeyTwiceAtOnceAndLosesNone) {
  const unsigned seed = testing::UnitTest::GetInstance()->random_seed() * 2654435761U + 1;
  SCOPED_TRACE(seed);
  ManualClock clock;
  WorkQueue queue(clock, {.backoff_max = 500ms});
  Guarded<Ledger> ledger;
  std::vector<std::jthread> workers;
  for (unsigned i = 0; i < 4; ++i) {
    workers.emplace_back([&, i](std::stop_token stop) { work(queue, ledger, stop, seed + i); });
  }
  {
    std::vector<std::jthread> askers;
    for (unsigned i = 0; i < 4; ++i) {
      askers.emplace_back([&, i] { ask(queue, ledger, clock, seed + 100 + i); });
    }
  }
  const auto settled = [&] { return ledger.with([](Ledger& all) { return all.settled(); }); };
  int rounds = 0;
  for (; !settled() && rounds < 1'000'000; ++rounds) {
    clock.advance(500ms);
    std::this_thread::yield();
  }
  EXPECT_TRUE(settled());
}

}  // namespace
}  // namespace rage::kube
