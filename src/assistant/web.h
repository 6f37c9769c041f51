// The web page and the routes it asks, in front of an agent: those of the SCALE23X demo's web front
// end (POST /api/chat, GET /api/chat/history/{session}), and ours (POST /api/chat/stream,
// /api/sessions, ...). README.md lists them.
#pragma once

#include <string>
#include <utility>

#include "assistant/operator_desk.h"
#include "assistant/page_theme.h"
#include "base/clock.h"
#include "base/context.h"
#include "net/http.h"
#include "net/http_server.h"

namespace rage::assistant {

struct WebOptions {
  // On the agent's own listener: its routes stay, and a session's page is shown only to whoever
  // accepts HTML.
  bool beside_agent = false;
  PageTheme theme = {};
  const OperatorDesk* desk = nullptr;  // Null: there is no operator's page.
};

// Thread-safe, if the agent is. The clock outlives it.
class WebService final {
 public:
  // `agent` answers the agent's routes: AssistantService::handle() or RemoteAgent::handle().
  WebService(net::HttpHandler agent, const Clock& clock, WebOptions options)
      : agent_(std::move(agent)), clock_(clock), options_(std::move(options)) {}

  // Whether a request is for the page; always, where there is no agent beside it.
  bool serves(const net::HttpRequest& request) const;
  // An HttpHandler.
  void handle(const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) const;

 private:
  struct Call;
  void api(const Call& call) const;
  void chat(const Call& call, bool stream) const;
  net::HttpResponse history(const Call& call) const;
  net::HttpResponse config(const Call& call) const;
  void pass_on(const Call& call) const;
  net::HttpResponse ask(const Call& call, const net::HttpRequest& request) const;

  const net::HttpHandler agent_;
  const Clock& clock_;
  const WebOptions options_;
};

}  // namespace rage::assistant
