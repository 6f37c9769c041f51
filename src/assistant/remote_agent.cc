#include "assistant/remote_agent.h"

#include <string_view>
#include <utility>

#include "codec/json.h"
#include "obs/log.h"

namespace rage::assistant {
namespace {

constexpr std::size_t kAgentReplyBytesMax = std::size_t{32} << 20;
constexpr std::chrono::milliseconds kAgentConnectLimit{5000};
constexpr std::string_view kPassedOn[] = {"content-type", "content-disposition", "allow"};

net::HttpResponse agent_unreachable(const Error& error) {
  return net::HttpResponse::json(
      500, codec::render_json(
               {{"detail", "The agent cannot be reached"},
                {"error_code", name_of(error.code)},
                {"message", "The assistant cannot be reached right now. Please try again."}}));
}

// One reply on its way: a stream goes through, anything else is collected.
class Relay final {
 public:
  explicit Relay(net::ResponseWriter& writer) : writer_(writer) {}

  bool on_head(const net::HttpResponse& head) {
    whole_.status = head.status;
    for (const std::string_view name : kPassedOn) {
      if (const auto value = head.headers.find(name); !value.empty()) {
        whole_.headers.set(name, value);
      }
    }
    streams_ = head.headers.find("content-type").starts_with("text/event-stream");
    if (!streams_) return true;
    whole_.headers.set("cache-control", "no-cache");
    whole_.headers.set("x-accel-buffering", "no");
    return writer_.begin(whole_.status, whole_.headers).has_value();
  }
  bool on_bytes(std::string_view bytes) {
    if (streams_) return writer_.write(bytes).has_value();
    too_large_ = too_large_ || whole_.body.size() + bytes.size() > kAgentReplyBytesMax;
    if (!too_large_) whole_.body += bytes;
    return !too_large_;
  }
  void end(Result<void> outcome) {
    if (outcome && too_large_) {
      outcome = fail(ErrorCode::kResourceExhausted, "the agent's reply is too large");
    }
    if (!outcome) obs::log().warn("the agent failed", {{"error", outcome.error().message}});
    if (streams_) return outcome ? void() : writer_.abort();
    (void)writer_.send(outcome ? std::move(whole_) : agent_unreachable(outcome.error()));
  }

 private:
  net::ResponseWriter& writer_;
  net::HttpResponse whole_;
  bool streams_ = false;
  bool too_large_ = false;
};

}  // namespace

Result<std::unique_ptr<RemoteAgent>> RemoteAgent::create(net::HttpTransport& transport,
                                                         const RemoteAgentOptions& options) {
  RemoteAgentOptions kept = options;
  while (kept.url.ends_with('/')) kept.url.pop_back();
  if (!kept.url.starts_with("http://") && !kept.url.starts_with("https://")) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is no URL of an agent; one is http://agent:8001",
                options.url);
  }
  return std::unique_ptr<RemoteAgent>(new RemoteAgent(transport, kept));
}

void RemoteAgent::handle(const Context& context, const net::HttpRequest& request,
                         net::ResponseWriter& writer) const {
  const std::string query = request.query.empty() ? "" : "?" + request.query;
  const net::ClientRequest asked{.method = request.method,
                                 .url = options_.url + request.path + query,
                                 .headers = request.headers,
                                 .body = request.body,
                                 .connect_timeout = kAgentConnectLimit,
                                 .idle_timeout = options_.idle_timeout};
  Relay relay(writer);
  relay.end(transport_.stream(
      context, asked, [&](const net::HttpResponse& head) { return relay.on_head(head); },
      [&](std::string_view bytes) { return relay.on_bytes(bytes); }));
}

}  // namespace rage::assistant
