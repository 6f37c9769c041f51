// The assistant's HTTP API: that of the SCALE23X demo's agent (/health, /chat, /chat/history), and
// what it lacks: answers as events, sessions, readiness, metrics. README.md lists it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "assistant/chat_request.h"
#include "assistant/cors.h"
#include "assistant/history_store.h"
#include "assistant/metrics.h"
#include "assistant/rag_client.h"
#include "assistant/turns.h"
#include "assistant/upstream.h"
#include "base/context.h"
#include "base/time_zone.h"
#include "codec/json.h"
#include "net/http.h"
#include "net/http_server.h"
#include "obs/metrics.h"

namespace rage::assistant {

struct ServiceOptions {
  CorsOptions cors;
  bool log_content = false;  // Questions and answers into the log.
  // Of the index behind the answers, empty without one, and of the service that has it.
  std::string index_name = {};
  RagClient* rag = nullptr;
  // Of the conference, and its clock.
  std::string zone_name = "UTC";
  TimeZone zone = {};
  std::function<WallTime()> wall_now = std::chrono::system_clock::now;
};

// Resource. Thread-safe. What it is given outlives it.
class AssistantService final {
 public:
  AssistantService(Turns& turns, HistoryStore& store, Upstream& upstream, AssistantMetrics& metrics,
                   const obs::MetricRegistry& registry, const ServiceOptions& options)
      : turns_(turns),
        store_(store),
        upstream_(upstream),
        metrics_(metrics),
        registry_(registry),
        options_(options) {}

  // An HttpHandler.
  void handle(const Context& context, const net::HttpRequest& request, net::ResponseWriter& writer);

 private:
  struct Call;
  struct Route;
  int chat(const Call& call);
  struct Tools {
    bool calendar = false;
  };
  int chat_whole(const Call& call, const Turn& turn, const Tools& tools);
  int chat_stream(const Call& call, const Turn& turn, const Tools& tools);
  static void add_extras(codec::Json& reply, const TurnOutcome& outcome, const Tools& tools);
  net::HttpResponse answer(const Call& call, const Route& route);
  net::HttpResponse ready(const Call& call);
  net::HttpResponse show_config() const;
  net::HttpResponse models(const Call& call);
  net::HttpResponse schedule(const Call& call);
  net::HttpResponse calendar(const Call& call);
  net::HttpResponse history(const std::string& session);
  net::HttpResponse list_sessions(const Call& call);
  net::HttpResponse show_session(const std::string& session);
  net::HttpResponse rename_session(const Call& call, const std::string& session);
  net::HttpResponse delete_session(const std::string& session);
  net::HttpResponse export_session(const Call& call, const std::string& session);
  void log_turn(const Turn& turn, const Result<TurnOutcome>& outcome) const;

  Turns& turns_;
  HistoryStore& store_;
  Upstream& upstream_;
  AssistantMetrics& metrics_;
  const obs::MetricRegistry& registry_;
  const ServiceOptions options_;
};

// What names the request's span in a trace, "/sessions/{session}", for the page's /api as well;
// empty: probes, metrics and files of the page.
std::string route_template(const net::HttpRequest& request);

// What a listener answers before there is a service: 503 with the demo's words.
net::HttpResponse not_initialized();

// What a person is told about a turn that failed. No internals.
std::string plain_words(ErrorCode code);

}  // namespace rage::assistant
