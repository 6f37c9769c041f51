#include "net/tracing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/sha256.h"
#include "obs/kept_spans_for_test.h"

namespace rage::net {
namespace {

using testing::Contains;

constexpr const char* kTraceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string route_of(const HttpRequest& request) {
  return request.path == "/metrics" ? "" : "/indexes/{name}";
}

HttpRequest a_request(const std::string& path) {
  return {.method = "GET",
          .path = path,
          .query = "secret=1",
          .headers = {{"Traceparent", kTraceparent}, {"tracestate", "a=1"}, {"Tracestate", "b=2"}},
          .body = {}};
}

// Serves with `handler` and asks once over a real connection.
struct Asked {
  Asked(const obs::Tracer& tracer, HttpHandler handler, const HttpRequest& request)
      : server(*HttpServer::create({.workers = 2}, traced(tracer, route_of, std::move(handler)))) {
    const auto transport = make_http_transport();
    ClientRequest asked{
        .method = request.method,
        .url = "http://127.0.0.1:" + std::to_string(server->port()) + request.path + "?x=secret",
        .headers = request.headers};
    status = transport->fetch({}, asked)->status;
    server->drain(std::chrono::seconds(5));
  }
  std::unique_ptr<HttpServer> server;
  int status = 0;
};

// A service whose spans do not hang below its caller's is a trace of its own: useless.
TEST(Traced, ARequestIsASpanBelowItsCallers) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  std::string outgoing;
  const Asked asked(
      tracer,
      [&](const Context&, const HttpRequest&, ResponseWriter& writer) {
        outgoing = obs::render_traceparent(*obs::current_span().context());
        (void)writer.send({.status = 503});
      },
      a_request("/indexes/a"));
  EXPECT_EQ(asked.status, 503);
  const auto spans = kept.all();
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].name, "GET /indexes/{name}");
  EXPECT_EQ(spans[0].kind, obs::SpanKind::kServer);
  EXPECT_EQ(to_hex(spans[0].context.trace_id), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(to_hex(*spans[0].parent), "b7ad6b7169203331");
  EXPECT_EQ(spans[0].context.state, "a=1,b=2");
  EXPECT_EQ(outgoing, obs::render_traceparent(spans[0].context));
  EXPECT_TRUE(spans[0].failed);
  EXPECT_THAT(spans[0].attributes,
              Contains(obs::number_attribute("http.response.status_code", 503)));
  for (const auto& [key, value] : spans[0].attributes) {
    const auto* text = std::get_if<std::string>(&value);
    if (text != nullptr) {
      EXPECT_EQ(text->find("secret"), std::string::npos) << key;
    }
  }
}

TEST(Traced, ProbesAreNoSpans) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  const Asked asked(
      tracer,
      [](const Context&, const HttpRequest&, ResponseWriter& writer) {
        EXPECT_FALSE(obs::current_span().context().has_value());
        (void)writer.send({.status = 200});
      },
      a_request("/metrics"));
  EXPECT_EQ(asked.status, 200);
  EXPECT_TRUE(kept.all().empty());
}

TEST(Traced, AHandlerThatSaysNothingIsAFailure) {
  obs::KeptSpans kept;
  const obs::Tracer tracer({}, kept);
  const Asked asked(
      tracer, [](const Context&, const HttpRequest&, ResponseWriter&) {}, a_request("/indexes/a"));
  EXPECT_EQ(asked.status, 500);
  ASSERT_EQ(kept.all().size(), 1U);
  EXPECT_THAT(kept.all()[0].attributes,
              Contains(obs::number_attribute("http.response.status_code", 500)));
}

// What our own requests carry: the current span; with tracing off, what came.
TEST(Traced, RequestsCarryTheCurrentSpan) {
  std::string seen;
  std::string state;
  const auto server = *HttpServer::create(
      {}, [&](const Context&, const HttpRequest& request, ResponseWriter& writer) {
        seen = request.headers.find("traceparent");
        state = request.headers.find("tracestate");
        (void)writer.send({.status = 200});
      });
  const auto transport = make_http_transport();
  const auto ask = [&](const Headers& headers) {
    seen.clear();
    (void)transport->fetch(
        {}, {.url = "http://127.0.0.1:" + std::to_string(server->port()), .headers = headers});
    return seen;
  };
  EXPECT_EQ(ask({}), "");
  EXPECT_EQ(ask({{"traceparent", "its own"}}), "its own");
  const obs::Tracer off;
  obs::Span span =
      off.begin("x", obs::SpanKind::kServer, obs::parse_trace_context(kTraceparent, "a=1"));
  const obs::SpanScope scope(span);
  EXPECT_EQ(ask({{"traceparent", "its own"}}), kTraceparent);
  EXPECT_EQ(state, "a=1");
}

// What a collector says decides between trying again and giving up.
TEST(SendTraces, SendsJsonAndReadsTheAnswer) {
  HttpRequest got;
  int status = 200;
  const auto server = *HttpServer::create(
      {}, [&](const Context&, const HttpRequest& request, ResponseWriter& writer) {
        got = request;
        (void)writer.send({.status = status, .headers = {{"retry-after", "3"}}, .body = "{}"});
      });
  const auto transport = make_http_transport();
  const auto send = send_traces_to(
      *transport, "http://127.0.0.1:" + std::to_string(server->port()) + "/v1/traces",
      {{"x-tenant", "one"}});
  EXPECT_TRUE(send({}, R"({"resourceSpans":[]})"));
  EXPECT_EQ(got.method, "POST");
  EXPECT_EQ(got.path, "/v1/traces");
  EXPECT_EQ(got.body, R"({"resourceSpans":[]})");
  EXPECT_EQ(got.headers.find("content-type"), "application/json");
  EXPECT_EQ(got.headers.find("x-tenant"), "one");
  status = 503;
  EXPECT_EQ(send({}, "{}").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(send({}, "{}").error().retry_after, std::chrono::seconds(3));
  status = 400;
  EXPECT_EQ(send({}, "{}").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace rage::net
