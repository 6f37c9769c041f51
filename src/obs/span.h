// Pieces of work of a request, as OpenTelemetry tells them: a name, a kind, a beginning and an end,
// attributes, and which piece they belong to.
//   obs::ScopedSpan span("retrieve");           // A child of whatever this thread works on.
//   span->set("rage.retrieve.hits", hits.size());
// Where nothing is recorded, a span costs a few instructions.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "obs/trace_context.h"

namespace rage::obs {

enum class SpanKind { kInternal = 1, kServer = 2, kClient = 3 };  // OTLP's numbers.

using AttributeValue =
    std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

struct Attribute {
  std::string key;
  AttributeValue value;

  bool operator==(const Attribute&) const = default;
};

// Value. A span that has ended.
struct SpanRecord {
  TraceContext context;
  std::optional<SpanId> parent = std::nullopt;
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  WallTime began;
  WallTime ended;
  std::vector<Attribute> attributes;
  std::uint32_t attributes_dropped = 0;
  bool failed = false;
  std::string failure;  // Why, in words; may be empty.
};

class Tracer;

// Resource; movable. One thread at a time, but for context() and child(), which any thread may call
// that the span outlives. It ends when it is destroyed.
class Span final {
 public:
  static constexpr std::size_t kAttributesMax = 64;
  static constexpr std::size_t kTextBytesMax = 8 << 10;  // Of one value; the rest is cut off.

  Span() = default;  // Records nothing, belongs to no trace.
  Span(Span&&) noexcept = default;
  Span& operator=(Span&& other) noexcept;
  Span(const Span&) = delete;
  Span& operator=(const Span&) = delete;
  ~Span() { end(); }

  bool is_recorded() const { return record_ != nullptr; }
  // Whether what people and models said may be put into attributes.
  bool captures_content() const;
  // What requests on its behalf carry; none: no trace.
  const std::optional<TraceContext>& context() const { return context_; }

  // Recorded if this one is.
  Span child(std::string_view name, SpanKind kind = SpanKind::kInternal) const;

  // The value replaces an earlier one. Never what was said, unless captures_content().
  template <class T>
  void set(std::string_view key, const T& value) {
    if (record_ == nullptr) return;
    if constexpr (std::same_as<T, bool>) {
      put(key, AttributeValue(value));
    } else if constexpr (std::integral<T>) {
      put(key, AttributeValue(static_cast<std::int64_t>(value)));
    } else if constexpr (std::floating_point<T>) {
      put(key, AttributeValue(static_cast<double>(value)));
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
      put(key, AttributeValue(std::string(std::string_view(value).substr(0, kTextBytesMax))));
    } else {
      put(key, AttributeValue(value));
    }
  }
  void rename(std::string_view name);
  // `type` is from a closed set: an error's code, a status.
  void fail(std::string_view type, std::string_view why = {});
  void end();  // Idempotent.

 private:
  friend class Tracer;
  void put(std::string_view key, AttributeValue value);

  const Tracer* tracer_ = nullptr;
  std::optional<TraceContext> context_;
  std::unique_ptr<SpanRecord> record_;
};

// What this thread works on; a span that records nothing if there is none.
Span& current_span();

// Resource. Makes `span`, which outlives it, what this thread works on. Never across a `co_await`.
class SpanScope final {
 public:
  explicit SpanScope(Span& span);
  ~SpanScope();
  SpanScope(const SpanScope&) = delete;
  SpanScope& operator=(const SpanScope&) = delete;

 private:
  Span* const before_;
};

// Resource. Both at once: a child of the current span, current until it ends with its scope.
class ScopedSpan final {
 public:
  explicit ScopedSpan(std::string_view name, SpanKind kind = SpanKind::kInternal)
      : span_(current_span().child(name, kind)), scope_(span_) {}
  Span* operator->() { return &span_; }
  Span& operator*() { return span_; }

 private:
  Span span_;
  SpanScope scope_;
};

}  // namespace rage::obs
