#include "obs/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace rage::obs {
namespace {

using namespace std::chrono_literals;

const WallTime kTime = WallTime(1738311300s + 250ms);  // 2025-01-31T08:15:00.250Z

// Resource. Both ends of a pipe.
class Pipe final {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Pipe() {
    close_writer();
    ::close(ends_[0]);
  }
  int writer() const { return ends_[1]; }
  void close_writer() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }
  std::string read_all() {
    close_writer();
    std::string all;
    std::array<char, 4096> buffer{};
    for (ssize_t n; (n = ::read(ends_[0], buffer.data(), buffer.size())) > 0;) {
      all.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

TEST(LogLine, IsOneJsonObjectWithTypedFields) {
  const std::string name = "sched\"ule";
  EXPECT_EQ(render_log_line({.time = kTime,
                             .level = LogLevel::kInfo,
                             .message = "index ready",
                             .fields = {{"index", name},
                                        {"documents", 42},
                                        {"bytes", std::size_t{7}},
                                        {"seconds", 0.5},
                                        {"resumed", true},
                                        {"kind", "dense"}}},
                            LogFormat::kJson),
            R"({"time":"2025-01-31T08:15:00.250Z","level":"info","message":"index ready",)"
            R"("index":"sched\"ule","documents":42,"bytes":7,"seconds":0.5,"resumed":true,)"
            R"("kind":"dense"})"
            "\n");
}

// A collector that meets one bad byte drops the line, or everything after it.
TEST(LogLine, EscapesWhatIsNoTextAndWhatIsNoNumber) {
  const auto line = [](std::string_view text) {
    return render_log_line({.time = kTime, .message = text, .fields = {}}, LogFormat::kJson);
  };
  EXPECT_THAT(line("a\xff"), testing::HasSubstr(R"("a\ufffd")"));
  EXPECT_THAT(line("\xed\xa0\x80"), testing::HasSubstr(R"("\ufffd\ufffd\ufffd")"));  // Surrogate.
  EXPECT_THAT(line("\xc0\xaf"), testing::HasSubstr(R"("\ufffd\ufffd")"));            // Overlong.
  EXPECT_THAT(line("\xf0\x9f\x98"), testing::HasSubstr(R"("\ufffd\ufffd\ufffd")"));  // Cut short.
  EXPECT_THAT(line("é😀"), testing::HasSubstr("\"é😀\""));
  EXPECT_THAT(line("a\nb\x01\x7f"), testing::HasSubstr(R"("a\nb\u0001\u007f")"));
  EXPECT_THAT(render_log_line({.time = kTime, .message = "m", .fields = {{"x", 1e308 * 10}}},
                              LogFormat::kJson),
              testing::HasSubstr(R"("x":"inf")"));
}

TEST(LogLine, ReadsWellInATerminal) {
  EXPECT_EQ(render_log_line({.time = kTime,
                             .level = LogLevel::kWarn,
                             .message = "slow",
                             .fields = {{"a", "x"}, {"b", "two words"}, {"ms", 12}, {"e", ""}}},
                            LogFormat::kText),
            "2025-01-31T08:15:00.250Z warn  slow a=x b=\"two words\" ms=12 e=\"\"\n");
}

TEST(Logger, WritesWholeLinesFromManyThreadsAndHonoursTheLevel) {
  Pipe pipe;
  Logger logger;
  logger.set_fd(pipe.writer());
  logger.set_level(LogLevel::kWarn);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 50; ++i) {
          logger.info("not shown");
          logger.warn("shown", {{"i", i}});
        }
      });
    }
  }
  const std::string all = pipe.read_all();
  const auto lines = split(all, '\n');
  ASSERT_EQ(lines.size(), 201U);
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_TRUE(lines[i].starts_with("{\"time\":") && lines[i].ends_with("}")) << lines[i];
  }
}

TEST(Logger, LevelsAreNamed) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("error"), LogLevel::kError);
  EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

}  // namespace
}  // namespace rage::obs
