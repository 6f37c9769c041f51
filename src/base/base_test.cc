#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/base64.h"
#include "base/context.h"
#include "base/error.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/worker_pool.h"

namespace rage {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(ErrorCode::kInvalidArgument, "{} is odd", number);
  return number / 2;
}

Result<int> quarter(int number) {
  ASSIGN_OR_RETURN(const int first, half(number));
  return half(first);
}

TEST(Result, CarriesTheErrorUpWithItsContext) {
  EXPECT_EQ(quarter(12).value(), 3);
  Result<int> failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(std::move(failed).error().with_context("halving").message, "halving: 3 is odd");
}

TEST(Sha256, MatchesThePublishedVectors) {  // FIPS 180-4 examples.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// A crash in the middle of a write must leave the old file or the new one, never half of it.
TEST(Files, AtomicWriteReplacesTheWholeFile) {
  auto directory = TemporaryDirectory::create("rage-base-");
  ASSERT_TRUE(directory);
  const auto path = (*directory)->path() / "state.json";
  ASSERT_TRUE(write_file_atomically(path, "first, and longer"));
  ASSERT_TRUE(write_file_atomically(path, "second"));
  EXPECT_EQ(read_file(path, 100).value(), "second");
  EXPECT_EQ(read_file(path, 3).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(read_file((*directory)->path() / "absent", 3).error().code, ErrorCode::kNotFound);
}

TEST(Files, SecondHolderOfALockIsRefused) {
  auto directory = TemporaryDirectory::create("rage-base-");
  ASSERT_TRUE(directory);
  const auto path = (*directory)->path() / "lock";
  auto first = FileLock::try_acquire(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(FileLock::try_acquire(path).error().code, ErrorCode::kFailedPrecondition);
  first->reset();
  EXPECT_TRUE(FileLock::try_acquire(path));
}

// A full pool must refuse, so that the caller can answer 503 instead of waiting without end.
TEST(WorkerPool, RefusesWhenFullAndRunsWhatItAccepted) {
  std::atomic<int> ran = 0;
  std::atomic<bool> release = false;
  int accepted = 0;
  {
    WorkerPool pool({.threads = 1, .queue_max = 2});
    for (int i = 0; i < 10; ++i) {
      accepted += pool.try_submit([&] {
        release.wait(false);
        ++ran;
      });
    }
    EXPECT_LE(accepted, 3);
    release = true;
    release.notify_all();
  }
  EXPECT_EQ(ran, accepted);
}

TEST(Context, ReportsCancellationBeforeTheDeadline) {
  std::stop_source source;
  Context context{.deadline = std::chrono::steady_clock::now() + std::chrono::hours(1),
                  .stop = source.get_token()};
  EXPECT_TRUE(context.check());
  source.request_stop();
  EXPECT_EQ(context.check().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(Context::with_timeout(std::chrono::milliseconds(0)).check().error().code,
            ErrorCode::kDeadlineExceeded);
}

TEST(Strings, NumbersAreWholeOrNothing) {
  EXPECT_EQ(parse_uint("42"), 42U);
  for (const auto* bad : {"", "-1", "4 2", "42x", "99999999999999999999"}) {
    EXPECT_FALSE(parse_uint(bad)) << bad;
  }
  EXPECT_THAT(split("a,,b", ','), testing::ElementsAre("a", "", "b"));
  EXPECT_EQ(trim(" \t x y \n"), "x y");
  EXPECT_EQ(random_uuid().size(), 36U);
  EXPECT_NE(random_uuid(), random_uuid());
}

// RFC 4648, section 10; what is no base64 must not become bytes that look like a secret.
TEST(Base64, IsRfc4648s) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(bytes), text);
    EXPECT_EQ(decode_base64(text).value(), bytes);
  }
  EXPECT_EQ(decode_base64("Zm9v\nYmFy\n").value(), "foobar");
  for (const char* text : {"Zg", "Zg=", "Z===", "Zm9v=", "Z*==", "Zg==Zg=="}) {
    EXPECT_FALSE(decode_base64(text)) << text;
  }
}

}  // namespace
}  // namespace rage
