// Structured log: one line an event, a constant sentence with its data in fields.
//   log().info("index ready", {{"index", name}, {"documents", count}});
// Error: a person must act. Warn: degraded. Info: state changed. Debug: the rest. Never bodies,
// prompts or tokens.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "base/mutex.h"

namespace rage::obs {

enum class LogLevel { kDebug, kInfo, kWarn, kError };
enum class LogFormat { kJson, kText };

// A view: what it shows must live until the call that takes it has returned.
class LogValue final {
 public:
  LogValue(const char* text) : value_(std::string_view(text)) {}
  LogValue(std::string_view text) : value_(text) {}
  LogValue(const std::string& text) : value_(std::string_view(text)) {}
  LogValue(std::same_as<bool> auto truth) : value_(truth) {}
  LogValue(std::floating_point auto number) : value_(static_cast<double>(number)) {}
  template <std::signed_integral T>
  LogValue(T number) : value_(static_cast<std::int64_t>(number)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogValue(T number) : value_(static_cast<std::uint64_t>(number)) {}

  const auto& variant() const { return value_; }

 private:
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value_;
};

struct LogField {
  std::string_view key;
  LogValue value;
};

struct LogEvent {
  WallTime time;
  LogLevel level = LogLevel::kInfo;
  std::string_view message;
  std::initializer_list<LogField> fields;
};

// With the final newline. JSON: {"time":"2025-01-31T08:15:00.250Z","level":"info","message":...,
// "documents":3}; bytes that are not UTF-8 become U+FFFD, so that a line always parses.
// Text: `2025-01-31T08:15:00.250Z info  index ready documents=3`, control characters escaped.
std::string render_log_line(const LogEvent& event, LogFormat format);

// Thread-safe. One write(2) a line, so lines of several threads never mix.
class Logger final {
 public:
  Logger() = default;
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }
  void set_format(LogFormat format) { format_.store(format, std::memory_order_relaxed); }
  void set_fd(int fd) { fd_.store(fd, std::memory_order_relaxed); }  // Stays the caller's.
  bool enabled(LogLevel level) const { return level >= level_.load(std::memory_order_relaxed); }

  void debug(std::string_view message, std::initializer_list<LogField> fields = {});
  void info(std::string_view message, std::initializer_list<LogField> fields = {});
  void warn(std::string_view message, std::initializer_list<LogField> fields = {});
  void error(std::string_view message, std::initializer_list<LogField> fields = {});

 private:
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields);

  std::atomic<LogLevel> level_ = LogLevel::kInfo;
  std::atomic<LogFormat> format_ = LogFormat::kJson;
  std::atomic<int> fd_ = 2;
  Mutex mutex_;  // A long line may take several writes when the descriptor is a full pipe.
};

// The process has one log; it goes to stderr unless told otherwise.
Logger& log();

// "debug", "info", "warn" or "error"; none on anything else.
std::optional<LogLevel> parse_log_level(std::string_view name);

}  // namespace rage::obs
