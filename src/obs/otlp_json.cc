#include "obs/otlp_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <type_traits>

#include "base/sha256.h"
#include "obs/detail/json_text.h"

namespace rage::obs {
namespace {

using detail::append_quoted;

void append_value(std::string& out, const AttributeValue& value) {
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, bool>) {
          fmt::format_to(std::back_inserter(out), R"({{"boolValue":{}}})", v);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          // protobuf's JSON has 64-bit numbers as strings.
          fmt::format_to(std::back_inserter(out), R"({{"intValue":"{}"}})", v);
        } else if constexpr (std::is_same_v<T, double>) {
          const auto* const format =
              std::isfinite(v) ? R"({{"doubleValue":{}}})" : R"({{"stringValue":"{}"}})";
          fmt::format_to(std::back_inserter(out), fmt::runtime(format), v);
        } else if constexpr (std::is_same_v<T, std::string>) {
          out += R"({"stringValue":)";
          append_quoted(out, v);
          out += '}';
        } else {
          out += R"({"arrayValue":{"values":[)";
          for (const std::string& text : v) {
            if (&text != &v.front()) out += ',';
            append_value(out, text);
          }
          out += "]}}";
        }
      },
      value);
}

void append_attributes(std::string& out, const std::vector<Attribute>& attributes) {
  out += R"("attributes":[)";
  for (const Attribute& attribute : attributes) {
    if (&attribute != &attributes.front()) out += ',';
    out += R"({"key":)";
    append_quoted(out, attribute.key);
    out += R"(,"value":)";
    append_value(out, attribute.value);
    out += '}';
  }
  out += ']';
}

std::int64_t nanoseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

void append_span(std::string& out, const SpanRecord& span) {
  fmt::format_to(std::back_inserter(out), R"({{"traceId":"{}","spanId":"{}")",
                 to_hex(span.context.trace_id), to_hex(span.context.span_id));
  if (span.parent) {
    fmt::format_to(std::back_inserter(out), R"(,"parentSpanId":"{}")", to_hex(*span.parent));
  }
  if (!span.context.state.empty()) {
    out += R"(,"traceState":)";
    append_quoted(out, span.context.state);
  }
  out += R"(,"name":)";
  append_quoted(out, span.name);
  // A clock that was set back in between makes no negative duration.
  const std::int64_t began = nanoseconds(span.began);
  const std::int64_t ended = std::max(began, nanoseconds(span.ended));
  fmt::format_to(std::back_inserter(out),
                 R"(,"kind":{},"startTimeUnixNano":"{}","endTimeUnixNano":"{}",)",
                 static_cast<int>(span.kind), began, ended);
  append_attributes(out, span.attributes);
  if (span.attributes_dropped > 0) {
    fmt::format_to(std::back_inserter(out), R"(,"droppedAttributesCount":{})",
                   span.attributes_dropped);
  }
  if (span.failed) {
    out += R"(,"status":{"code":2,"message":)";
    append_quoted(out, span.failure);
    out += '}';
  }
  out += '}';
}

}  // namespace

std::string render_otlp_json(std::span<const SpanRecord> spans,
                             const std::vector<Attribute>& resource, std::string_view version) {
  std::string out = R"({"resourceSpans":[{"resource":{)";
  append_attributes(out, resource);
  out += R"(},"scopeSpans":[{"scope":{"name":"rage","version":)";
  append_quoted(out, version);
  out += R"(},"spans":[)";
  for (const SpanRecord& span : spans) {
    if (&span != spans.data()) out += ',';
    append_span(out, span);
  }
  out += "]}]}]}";
  return out;
}

}  // namespace rage::obs
