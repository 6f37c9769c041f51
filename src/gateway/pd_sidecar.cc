#include "gateway/pd_sidecar.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "gateway/detail/cached_tokens.h"
#include "net/address.h"
#include "net/addresses.h"
#include "obs/log.h"

namespace rage::gateway {
namespace {

using net::HttpRequest;
using net::HttpResponse;

constexpr std::string_view kPrefillHeader = "x-prefiller-host-port";
constexpr std::string_view kRequestId = "x-request-id";
constexpr std::chrono::hours kRequestTimeout(24);
constexpr std::chrono::milliseconds kConnectTimeout(5'000);

// What belongs to one connection, or to this proxy alone.
bool stays_here(std::string_view name) {
  static constexpr std::array kNames = {"connection",
                                        "keep-alive",
                                        "proxy-connection",
                                        "te",
                                        "trailer",
                                        "transfer-encoding",
                                        "upgrade",
                                        "proxy-authenticate",
                                        "proxy-authorization",
                                        "host",
                                        "content-length",
                                        "expect",
                                        kPrefillHeader.data(),
                                        "x-encoder-hosts-ports",
                                        "x-data-parallel-host-port",
                                        "x-kv-cache-source-host-port"};
  return std::ranges::find(kNames, name) != kNames.end();
}

net::Headers passed_on(const net::Headers& headers) {
  std::vector<std::string> named;  // By Connection.
  for (const auto& [name, value] : headers.entries()) {
    if (!equals_ignoring_case(name, "connection")) continue;
    for (const std::string_view part : split(value, ',')) {
      named.push_back(to_lower_ascii(trim(part)));
    }
  }
  net::Headers out;
  for (const auto& [name, value] : headers.entries()) {
    const std::string lower = to_lower_ascii(name);
    if (!stays_here(lower) && std::ranges::find(named, lower) == named.end()) out.add(name, value);
  }
  return out;
}

bool is_local(std::string_view target) {
  const auto address = net::Address::parse(target);
  sockaddr_storage storage;
  if (!address) return true;
  address->fill(storage);
  return net::is_local_address(reinterpret_cast<const sockaddr&>(storage));
}

HttpResponse unreachable(const Error& error) {
  if (error.code == ErrorCode::kUnavailable) {
    return error_reply(503, "the decode server cannot be reached");
  }
  if (error.code == ErrorCode::kDeadlineExceeded) return error_reply(504, "decode: too slow");
  return error_reply(502, "decode: " + error.message);
}

// Passes one reply on as it comes. One thread.
class Relay final {
 public:
  Relay(const HttpRequest& request, net::ResponseWriter& writer,
        std::optional<std::uint64_t> cached_tokens)
      : request_(request), writer_(writer) {
    if (cached_tokens) rewriter_.emplace(*cached_tokens);
  }

  bool on_head(const HttpResponse& head) {
    head_seen_ = true;
    HttpResponse out{.status = head.status, .headers = passed_on(head.headers), .body = {}};
    const bool bodiless = head.status == 204 || head.status == 304 || request_.method == "HEAD";
    if (bodiless || head.headers.find("content-length") == "0") {
      return writer_.send(std::move(out)).has_value();
    }
    if (head.headers.has("content-encoding")) rewriter_.reset();
    begun_ = true;
    return writer_.begin(out.status, std::move(out.headers)).has_value();
  }

  bool on_bytes(std::string_view bytes) {
    if (!rewriter_) return writer_.write(bytes).has_value();
    const std::string out = rewriter_->feed(bytes);
    return out.empty() || writer_.write(out).has_value();
  }

  void end(const Result<void>& outcome) {
    if (!outcome) {
      if (head_seen_) return writer_.abort();
      return (void)writer_.send(unreachable(outcome.error()));  // A client that left needs none.
    }
    const std::string rest = begun_ && rewriter_ ? rewriter_->finish() : std::string();
    if (!rest.empty()) (void)writer_.write(rest);
  }

 private:
  const HttpRequest& request_;
  net::ResponseWriter& writer_;
  std::optional<detail::CachedTokensRewriter> rewriter_;
  bool head_seen_ = false;
  bool begun_ = false;
};

class Sidecar final : public PdSidecar {
 public:
  Sidecar(const PdSidecarOptions& options, net::HttpTransport& transport)
      : options_(options), transport_(transport) {}

  Result<void> listen() {
    const net::HttpServerOptions listener{.address = options_.address,
                                          .port = options_.port,
                                          .connections_max = 4 * options_.requests_max + 256,
                                          .body_bytes_max = options_.body_bytes_max,
                                          .idle_timeout = std::chrono::minutes(5),
                                          .request_timeout = kRequestTimeout,
                                          .workers = options_.requests_max,
                                          .queue_max = options_.requests_max,
                                          .certificate = options_.certificate};
    ASSIGN_OR_RETURN(http_, net::HttpServer::create(
                                listener, [this](const Context& context, const HttpRequest& request,
                                                 net::ResponseWriter& writer) {
                                  handle(context, request, writer);
                                }));
    return {};
  }

  std::uint16_t port() const override { return http_->port(); }
  void drain(std::chrono::milliseconds limit) override { http_->drain(limit); }

 private:
  // A client that has gone needs no answer.
  static void send(net::ResponseWriter& writer, HttpResponse response) {
    (void)writer.send(std::move(response));
  }

  void handle(const Context& context, const HttpRequest& request, net::ResponseWriter& writer) {
    // Anything else would change the host in the URL that is put together from it.
    if (!request.path.starts_with('/')) return send(writer, error_reply(400, "bad path"));
    if (auto refusal = refuse_client_hosts(request.path, request.body)) {
      return send(writer, *std::move(refusal));
    }
    const std::string prefiller = prefiller_of(request);
    if (prefiller.empty() || request.method != "POST" || !is_disaggregable(request.path)) {
      return decode(context, request, request.body, {}, writer);
    }
    const auto target = routing::parse_address_port(prefiller);
    if (!target || target->port == 0 || !allows(*target, prefiller)) {
      obs::log().warn("a request named a prefill server that is not allowed",
                      {{"request_id", context.request_id}});
      return send(writer, error_reply(403, "this prefill server is not allowed"));
    }
    split(context, request, prefiller, writer);
  }

  bool allows(const routing::AddressPort& target, std::string_view text) const {
    return options_.allows_prefiller ? options_.allows_prefiller(target) : !is_local(text);
  }

  // Header lines and lists in them count alike. Empty: none.
  std::string prefiller_of(const HttpRequest& request) const {
    std::vector<std::string_view> named;
    for (const auto& [name, value] : request.headers.entries()) {
      if (!equals_ignoring_case(name, kPrefillHeader)) continue;
      for (const std::string_view part : rage::split(value, ',')) {
        if (!trim(part).empty()) named.push_back(trim(part));
      }
    }
    if (named.empty()) return {};
    const std::size_t index = options_.sample_prefillers ? random_number() % named.size() : 0;
    return std::string(named[index]);
  }

  static std::uint64_t random_number() {
    thread_local std::mt19937_64 engine(std::random_device{}());
    return engine();
  }

  void split(const Context& context, const HttpRequest& request, const std::string& prefiller,
             net::ResponseWriter& writer) {
    const std::size_t colon = prefiller.rfind(':');
    PdExchange exchange(options_.exchange, {.path = request.path,
                                            .body = request.body,
                                            .prefill_host = prefiller.substr(0, colon),
                                            .random_room = random_number()});
    PdStep step = exchange.start();
    while (const auto* ask = std::get_if<AskPrefill>(&step)) {
      if (ask->after.count() > 0 && !clock_.sleep_for(ask->after, context.stop)) return;
      const auto reply = prefill(context, request, prefiller, ask->body);
      if (context.stop.stop_requested()) return writer.abort();
      step = exchange.on_prefill(reply);
    }
    if (auto* answer = std::get_if<Answer>(&step)) return send(writer, std::move(answer->response));
    if (const auto* both = std::get_if<AskBoth>(&step)) {
      return ask_both(context, request, prefiller, both->body, writer);
    }
    auto& last = std::get<AskDecode>(step);
    if (!last.why_alone.empty()) {
      obs::log().warn("decoding without a prefill server", {{"request_id", context.request_id},
                                                            {"prefiller", prefiller},
                                                            {"reason", last.why_alone}});
    }
    decode(context, request, std::move(last.body), last.cached_tokens, writer);
  }

  // Prefill's reply is not waited for: without it decode does not end, unless it fails.
  void ask_both(const Context& context, const HttpRequest& request, const std::string& prefiller,
                const std::string& body, net::ResponseWriter& writer) {
    std::stop_source over;
    const std::stop_callback left(context.stop, [&] { over.request_stop(); });
    Context of_prefill = context;
    of_prefill.stop = over.get_token();
    const std::jthread prefilling([&] {
      const auto reply = prefill(of_prefill, request, prefiller, body);
      if (reply && reply->status < 300) return;
      if (over.stop_requested()) return;
      obs::log().warn("prefill failed while decode waits for it",
                      {{"request_id", context.request_id}, {"prefiller", prefiller}});
    });
    decode(context, request, body, {}, writer);
    over.request_stop();
  }

  net::ClientRequest request_to(const HttpRequest& request, std::string_view host,
                                const PeerTls& tls, std::string body,
                                std::string_view request_id) const {
    const std::string query = request.query.empty() ? "" : "?" + request.query;
    net::ClientRequest out{
        .method = request.method,
        .url = fmt::format("{}://{}{}{}", tls ? "https" : "http", host, request.path, query),
        .headers = passed_on(request.headers),
        .body = std::move(body),
        .connect_timeout = kConnectTimeout,
        .idle_timeout = options_.idle_timeout,
        .body_bytes_max = options_.prefill_bytes_max,
        .tls = tls};
    // Both servers have to know the request by one name.
    if (!out.headers.has(kRequestId)) out.headers.set(kRequestId, request_id);
    return out;
  }

  Result<HttpResponse> prefill(const Context& context, const HttpRequest& request,
                               const std::string& prefiller, const std::string& body) const {
    auto ask = request_to(request, prefiller, options_.prefill_tls, body, context.request_id);
    ask.headers.set("accept-encoding", "identity");
    return transport_.fetch(context, ask);
  }

  void decode(const Context& context, const HttpRequest& request, std::string body,
              std::optional<std::uint64_t> cached_tokens, net::ResponseWriter& writer) const {
    const auto ask = request_to(request, options_.decoder, options_.decoder_tls, std::move(body),
                                context.request_id);
    Relay relay(request, writer, cached_tokens);
    relay.end(transport_.stream(
        context, ask, [&](const HttpResponse& head) { return relay.on_head(head); },
        [&](std::string_view bytes) { return relay.on_bytes(bytes); }));
  }

  const PdSidecarOptions options_;
  net::HttpTransport& transport_;
  mutable SystemClock clock_;
  std::unique_ptr<net::HttpServer> http_;  // Last: its threads use all of the above.
};

}  // namespace

Result<std::unique_ptr<PdSidecar>> PdSidecar::create(const PdSidecarOptions& options,
                                                     net::HttpTransport& transport) {
  auto sidecar = std::make_unique<Sidecar>(options, transport);
  RETURN_IF_ERROR(sidecar->listen());
  return sidecar;
}

}  // namespace rage::gateway
