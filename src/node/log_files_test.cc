#include "node/log_files.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/files.h"

namespace rage::node {
namespace {

class LogFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = *TemporaryDirectory::create("logs");
    paths_.data = folder_->path();
  }
  LogWriter a_writer(std::uint32_t run, std::uint64_t part_bytes_max = 1 << 20) {
    auto writer =
        LogWriter::open(log_directory(paths_, "u", "c"), run, {.part_bytes_max = part_bytes_max});
    EXPECT_TRUE(writer.has_value());
    return *std::move(writer);
  }
  std::string text_of(LogRequest request) {
    request.pod_uid = "u";
    request.container = "c";
    std::string text;
    const auto read = read_log(Context::with_timeout(std::chrono::seconds(10)), clock_, paths_,
                               request, [&](std::string_view bytes) {
                                 text += bytes;
                                 return true;
                               });
    return read ? text : "error: " + read.error().message;
  }
  std::unique_ptr<TemporaryDirectory> folder_;
  NodePaths paths_;
  SystemClock clock_;
};

TEST_F(LogFiles, TailCountsLinesAndPreviousIsTheRunBefore) {
  EXPECT_EQ(text_of({}), "error: container \"c\" has written no log yet");
  a_writer(0).write("first\n");
  EXPECT_EQ(text_of({.previous = true}),
            "error: previous terminated container \"c\" has written no log yet");
  a_writer(1).write("a\nb\nc");
  EXPECT_EQ(text_of({}), "a\nb\nc");
  EXPECT_EQ(text_of({.tail_lines = 2}), "b\nc");
  EXPECT_EQ(text_of({.tail_lines = 0}), "");
  EXPECT_EQ(text_of({.tail_lines = 9}), "a\nb\nc");
  EXPECT_EQ(text_of({.previous = true}), "first\n");
  a_writer(2).write("x\n");
  EXPECT_FALSE(std::filesystem::exists(log_directory(paths_, "u", "c") / "0.log"));
}

// A program that writes without end must not fill the disk, and its last words are kept.
TEST_F(LogFiles, ThreePartsAreKept) {
  {
    LogWriter writer = a_writer(0, 10);
    for (char c = 'a'; c <= 'f'; ++c) writer.write(std::string(8, c) + "\n");
  }
  EXPECT_EQ(text_of({}), "dddddddd\neeeeeeee\nffffffff\n");
}

TEST_F(LogFiles, FollowingGoesOnAcrossPartsUntilTheEnd) {
  auto writer = std::make_unique<LogWriter>(a_writer(0, 10));
  writer->write("one\n");
  std::string text;
  bool more = false;
  const auto read =
      read_log(Context::with_timeout(std::chrono::seconds(10)), clock_, paths_,
               {.pod_uid = "u", .container = "c", .follow = true}, [&](std::string_view bytes) {
                 text += bytes;
                 if (!std::exchange(more, true)) {
                   writer->write("two two\n");  // A new part.
                   writer->write("three three\n");
                   writer.reset();
                 }
                 return true;
               });
  EXPECT_TRUE(read.has_value());
  EXPECT_EQ(text, "one\ntwo two\nthree three\n");
}

// `kubectl logs -f` of a pod that is deleted must end, though nobody is left to mark the end.
TEST_F(LogFiles, FollowingEndsWithThePod) {
  auto writer = std::make_unique<LogWriter>(a_writer(0, 100));
  writer->write("up\n");
  std::string text;
  const auto read =
      read_log(Context::with_timeout(std::chrono::seconds(10)), clock_, paths_,
               {.pod_uid = "u", .container = "c", .follow = true}, [&](std::string_view bytes) {
                 text += bytes;
                 std::filesystem::remove_all(paths_.pod("u"));
                 return true;
               });
  EXPECT_TRUE(read.has_value());
  EXPECT_EQ(text, "up\n");
}

}  // namespace
}  // namespace rage::node
