#include "obs/trace_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "obs/trace_context.h"

namespace rage::obs {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kPairsMax = 64;
constexpr std::uint64_t kMillisecondsMax = 3'600'000;
constexpr std::uint64_t kQueueMax = 65'536;

int hex_digit_of(char c) {
  if (is_ascii_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// "%20" is a space, as in W3C Baggage, whose form these lists have.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped = text[i] == '%' && i + 2 < text.size() && hex_digit_of(text[i + 1]) >= 0 &&
                         hex_digit_of(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(hex_digit_of(text[i + 1]) * 16 + hex_digit_of(text[i + 2]))
                   : text[i];
    if (escaped) i += 2;
  }
  return out;
}

// Reads variables, and notes what it does not understand.
class Reader final {
 public:
  Reader(const std::function<std::string(std::string_view)>& lookup, TraceSettings& settings)
      : lookup_(lookup), settings_(settings) {}

  std::string text(std::string_view name) const { return std::string(trim(lookup_(name))); }
  // The signal's own variable before the one for all signals: "TRACES_" before "".
  std::string exporter_text(std::string_view name) const {
    const std::string own = text(fmt::format("OTEL_EXPORTER_OTLP_TRACES_{}", name));
    return own.empty() ? text(fmt::format("OTEL_EXPORTER_OTLP_{}", name)) : own;
  }
  bool is_true(std::string_view name) const { return equals_ignoring_case(text(name), "true"); }

  void warn(std::string text) { settings_.warnings.push_back(std::move(text)); }

  // 1 to `most`; `otherwise`, with a warning, if it is none.
  std::uint64_t number(std::string_view name, const std::string& text, std::uint64_t otherwise,
                       std::uint64_t most) {
    if (text.empty()) return otherwise;
    const auto value = parse_uint(text);
    if (value && *value > 0 && *value <= most) return *value;
    warn(fmt::format("{} is no number from 1 to {}; {} is used", name, most, otherwise));
    return otherwise;
  }

  // "key=value,key=value".
  Pairs pairs(std::string_view name, const std::string& text) {
    Pairs found;
    if (text.empty()) return found;
    for (const std::string_view part : split(text, ',')) {
      const std::size_t equals = part.find('=');
      const std::string_view key = trim(part.substr(0, equals));
      if (equals == std::string_view::npos || key.empty() || found.size() == kPairsMax) {
        warn(
            fmt::format("{} is no list of at most {} key=value, separated by commas; what is not "
                        "is left out",
                        name, kPairsMax));
        continue;
      }
      found.emplace_back(key, percent_decoded(trim(part.substr(equals + 1))));
    }
    return found;
  }

 private:
  const std::function<std::string(std::string_view)>& lookup_;
  TraceSettings& settings_;
};

// Empty: off.
std::string read_url(Reader& reader) {
  if (reader.is_true("OTEL_SDK_DISABLED")) return {};
  const std::string exporter = reader.text("OTEL_TRACES_EXPORTER");
  if (exporter == "none") return {};
  std::string url = reader.text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  if (url.empty()) {
    url = reader.text("OTEL_EXPORTER_OTLP_ENDPOINT");
    if (url.empty()) return {};
    while (url.ends_with('/')) url.pop_back();
    url += "/v1/traces";
  }
  if (!exporter.empty() && exporter != "otlp") {
    reader.warn("OTEL_TRACES_EXPORTER may be otlp or none; there are no traces");
    return {};
  }
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    reader.warn("the OTLP endpoint is no http:// or https:// URL; there are no traces");
    return {};
  }
  if (reader.exporter_text("PROTOCOL") == "grpc") {
    reader.warn(
        "OTLP goes over HTTP here, not gRPC: set OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json and "
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT to the collector's http://HOST:4318/v1/traces; there "
        "are no traces");
    return {};
  }
  return url;
}

Sampler read_sampler(Reader& reader) {
  std::string name = reader.text("OTEL_TRACES_SAMPLER");
  Sampler sampler;
  if (name.empty()) return sampler;
  constexpr std::string_view kParentBased = "parentbased_";
  sampler.parent_based = name.starts_with(kParentBased);
  if (sampler.parent_based) name.erase(0, kParentBased.size());
  if (name == "always_on") return sampler;
  if (name == "always_off") {
    sampler.ratio = 0;
  } else if (name == "traceidratio") {
    const std::string text = reader.text("OTEL_TRACES_SAMPLER_ARG");
    const auto ratio = parse_double(text);
    const bool good = ratio && *ratio >= 0 && *ratio <= 1;
    if (good) sampler.ratio = *ratio;
    if (!good && !text.empty()) {
      reader.warn("OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1; all traces are recorded");
    }
  } else {
    reader.warn(
        "OTEL_TRACES_SAMPLER is none of always_on, always_off, traceidratio, with or without "
        "parentbased_; parentbased_always_on is used");
    return {};
  }
  return sampler;
}

void read_resource(Reader& reader, std::string_view service, std::string_view version,
                   std::vector<Attribute>& resource) {
  const auto set = [&](std::string_view key, std::string value) {
    value.resize(std::min(value.size(), Span::kTextBytesMax));
    const auto known = std::ranges::find(resource, key, &Attribute::key);
    if (known != resource.end()) {
      known->value = std::move(value);
    } else {
      resource.push_back({.key = std::string(key), .value = std::move(value)});
    }
  };
  set("service.name", std::string(service));
  set("service.version", std::string(version));
  set("telemetry.sdk.name", "rage");
  set("telemetry.sdk.language", "cpp");
  set("telemetry.sdk.version", std::string(version));
  const std::string list = reader.text("OTEL_RESOURCE_ATTRIBUTES");
  for (auto& [key, value] : reader.pairs("OTEL_RESOURCE_ATTRIBUTES", list)) {
    set(key, std::move(value));
  }
  const std::string name = reader.text("OTEL_SERVICE_NAME");
  if (!name.empty()) set("service.name", name);
}

}  // namespace

TraceSettings read_trace_settings(const std::function<std::string(std::string_view)>& lookup,
                                  std::string_view service, std::string_view version) {
  TraceSettings settings;
  Reader reader(lookup, settings);
  settings.url = read_url(reader);
  if (settings.url.empty()) return settings;
  settings.headers = reader.pairs("OTEL_EXPORTER_OTLP_HEADERS", reader.exporter_text("HEADERS"));
  settings.tracer.sampler = read_sampler(reader);
  settings.tracer.captures_content =
      reader.is_true("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT");
  ExporterOptions& exporter = settings.exporter;
  const auto number = [&](std::string_view name, std::uint64_t otherwise, std::uint64_t most) {
    return reader.number(name, reader.text(name), otherwise, most);
  };
  exporter.timeout = std::chrono::milliseconds(
      reader.number("OTEL_EXPORTER_OTLP_TIMEOUT", reader.exporter_text("TIMEOUT"),
                    static_cast<std::uint64_t>(exporter.timeout.count()), kMillisecondsMax));
  exporter.delay = std::chrono::milliseconds(
      number("OTEL_BSP_SCHEDULE_DELAY", static_cast<std::uint64_t>(exporter.delay.count()),
             kMillisecondsMax));
  exporter.spans_max = number("OTEL_BSP_MAX_QUEUE_SIZE", exporter.spans_max, kQueueMax);
  exporter.batch_max = std::min<std::size_t>(
      number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", exporter.batch_max, kQueueMax), exporter.spans_max);
  exporter.version = version;
  read_resource(reader, service, version, exporter.resource);
  return settings;
}

}  // namespace rage::obs
