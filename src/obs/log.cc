#include "obs/log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <iterator>
#include <type_traits>

#include "obs/detail/json_text.h"

namespace rage::obs {
namespace {

using detail::append_escaped;
using detail::append_quoted;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

void append_value(std::string& out, const LogValue& value, LogFormat format) {
  std::visit(
      [&](auto v) {
        using T = decltype(v);
        if constexpr (std::is_same_v<T, std::string_view>) {
          const bool bare = format == LogFormat::kText && !v.empty() &&
                            v.find_first_of(" =\"\\\t\r\n") == std::string_view::npos;
          bare ? append_escaped(out, v) : append_quoted(out, v);
        } else if constexpr (std::is_same_v<T, double>) {
          // JSON has no infinities.
          if (std::isfinite(v)) {
            fmt::format_to(std::back_inserter(out), "{}", v);
          } else {
            fmt::format_to(std::back_inserter(out), "\"{}\"", v);
          }
        } else {
          fmt::format_to(std::back_inserter(out), "{}", v);
        }
      },
      value.variant());
}

void append_time(std::string& out, WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                 fmt::gmtime(static_cast<std::time_t>(seconds.count())), (ms - seconds).count());
}

std::string render_json_line(const LogEvent& event) {
  std::string out = "{\"time\":\"";
  append_time(out, event.time);
  out += "\",\"level\":\"";
  out += name_of(event.level);
  out += "\",\"message\":";
  append_quoted(out, event.message);
  for (const LogField& field : event.fields) {
    out += ',';
    append_quoted(out, field.key);
    out += ':';
    append_value(out, field.value, LogFormat::kJson);
  }
  out += "}\n";
  return out;
}

std::string render_text_line(const LogEvent& event) {
  std::string out;
  append_time(out, event.time);
  fmt::format_to(std::back_inserter(out), " {:<5} ", name_of(event.level));
  append_escaped(out, event.message);
  for (const LogField& field : event.fields) {
    out += ' ';
    append_escaped(out, field.key);
    out += '=';
    append_value(out, field.value, LogFormat::kText);
  }
  out += '\n';
  return out;
}

}  // namespace

std::string render_log_line(const LogEvent& event, LogFormat format) {
  return format == LogFormat::kJson ? render_json_line(event) : render_text_line(event);
}

void Logger::debug(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::kDebug, message, fields);
}
void Logger::info(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::kInfo, message, fields);
}
void Logger::warn(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::kWarn, message, fields);
}
void Logger::error(std::string_view message, std::initializer_list<LogField> fields) {
  write(LogLevel::kError, message, fields);
}

void Logger::write(LogLevel level, std::string_view message,
                   std::initializer_list<LogField> fields) {
  if (!enabled(level)) return;
  const LogEvent event{.time = std::chrono::system_clock::now(),
                       .level = level,
                       .message = message,
                       .fields = fields};
  const std::string line = render_log_line(event, format_.load(std::memory_order_relaxed));
  const int fd = fd_.load(std::memory_order_relaxed);
  std::string_view rest = line;
  MutexLock lock(mutex_);
  while (!rest.empty()) {
    const ssize_t written = ::write(fd, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nobody can be told that the log is gone.
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

Logger& log() {
  // Never destroyed: threads that outlive main() may still log.
  static Logger& logger = *new Logger();
  return logger;
}

std::optional<LogLevel> parse_log_level(std::string_view name) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    if (name == name_of(level)) return level;
  }
  return std::nullopt;
}

}  // namespace rage::obs
