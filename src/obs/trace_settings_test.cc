#include "obs/trace_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

namespace rage::obs {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Environment = std::map<std::string, std::string, std::less<>>;

TraceSettings read(const Environment& environment) {
  return read_trace_settings(
      [&](std::string_view name) {
        const auto found = environment.find(name);
        return found == environment.end() ? std::string() : found->second;
      },
      "rage-rag", "1.0");
}

Attribute text(std::string key, std::string value) {
  return {.key = std::move(key), .value = std::move(value)};
}

// Nobody who set nothing pays for traces, or sends them to somebody's localhost.
TEST(TraceSettings, NothingSetIsOff) {
  EXPECT_EQ(read({}).url, "");
  EXPECT_EQ(read({{"OTEL_SERVICE_NAME", "x"}}).url, "");
}

TEST(TraceSettings, EndpointsAreAsOpenTelemetryReadsThem) {
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"}}).url,
            "http://otel:4318/v1/traces");
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel/base/"}}).url,
            "https://otel/base/v1/traces");
  EXPECT_EQ(read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"},
                  {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://tempo:4318/here"}})
                .url,
            "http://tempo:4318/here");
}

TEST(TraceSettings, CanBeTurnedOff) {
  const Environment on = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"}};
  for (const auto& [name, value] :
       Environment{{"OTEL_SDK_DISABLED", "TRUE"}, {"OTEL_TRACES_EXPORTER", "none"}}) {
    Environment off = on;
    off[name] = value;
    EXPECT_EQ(read(off).url, "") << name;
    EXPECT_THAT(read(off).warnings, IsEmpty()) << name;
  }
}

// What cannot work says so and what to do; it does not keep the service from starting.
TEST(TraceSettings, WhatCannotWorkIsOffWithAWarning) {
  for (const auto& [name, value] :
       Environment{{"OTEL_TRACES_EXPORTER", "zipkin"},
                   {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
                   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "otel:4317"}}) {
    Environment environment = {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4317"}};
    environment[name] = value;
    EXPECT_EQ(read(environment).url, "") << name;
    EXPECT_EQ(read(environment).warnings.size(), 1U) << name;
  }
}

TEST(TraceSettings, ReadsWhoWeAreAndWhatGoesAlong) {
  const auto settings =
      read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"},
            {"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-tenant=one"},
            {"OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=dev,bad"},
            {"OTEL_SERVICE_NAME", "rag"},
            {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true"}});
  EXPECT_THAT(settings.headers,
              ElementsAre(Pair("authorization", "Bearer abc"), Pair("x-tenant", "one")));
  EXPECT_THAT(settings.exporter.resource, Contains(text("service.name", "rag")));
  EXPECT_THAT(settings.exporter.resource, Contains(text("service.version", "1.0")));
  EXPECT_THAT(settings.exporter.resource, Contains(text("deployment.environment.name", "dev")));
  EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("OTEL_RESOURCE_ATTRIBUTES")));
  EXPECT_TRUE(settings.tracer.captures_content);
  const auto plain = read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"}});
  EXPECT_FALSE(plain.tracer.captures_content);
  EXPECT_THAT(plain.exporter.resource, Contains(text("service.name", "rage-rag")));
}

TEST(TraceSettings, ReadsSamplers) {
  const auto sampler = [](const std::string& name, const std::string& argument) {
    return read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"},
                 {"OTEL_TRACES_SAMPLER", name},
                 {"OTEL_TRACES_SAMPLER_ARG", argument}});
  };
  EXPECT_EQ(sampler("always_off", "").tracer.sampler.ratio, 0);
  EXPECT_FALSE(sampler("always_off", "").tracer.sampler.parent_based);
  EXPECT_EQ(sampler("parentbased_traceidratio", "0.1").tracer.sampler.ratio, 0.1);
  EXPECT_TRUE(sampler("parentbased_traceidratio", "0.1").tracer.sampler.parent_based);
  EXPECT_THAT(sampler("parentbased_traceidratio", "0.1").warnings, IsEmpty());
  for (const auto& bad : {sampler("traceidratio", "7"), sampler("jaeger_remote", "")}) {
    EXPECT_EQ(bad.tracer.sampler.ratio, 1);
    EXPECT_EQ(bad.warnings.size(), 1U);
  }
}

TEST(TraceSettings, ReadsLimits) {
  const auto settings = read({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4318"},
                              {"OTEL_EXPORTER_OTLP_TIMEOUT", "2500"},
                              {"OTEL_BSP_SCHEDULE_DELAY", "100"},
                              {"OTEL_BSP_MAX_QUEUE_SIZE", "64"},
                              {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0"}});
  EXPECT_EQ(settings.exporter.timeout, 2500ms);
  EXPECT_EQ(settings.exporter.delay, 100ms);
  EXPECT_EQ(settings.exporter.spans_max, 64U);
  EXPECT_EQ(settings.exporter.batch_max, 64U);  // No more than wait.
  EXPECT_THAT(settings.warnings, ElementsAre(HasSubstr("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")));
}

}  // namespace
}  // namespace rage::obs
