// `rage assistant web`: the page alone, in front of an agent elsewhere.
#include "assistant_web.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "assistant/page_theme.h"
#include "assistant/remote_agent.h"
#include "assistant/service.h"
#include "assistant/web.h"
#include "net/http_client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service_options.h"
#include "shutdown.h"
#include "subcommands.h"
#include "tracing.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kWebDrainLimit = 20s;

struct AssistantWebOptions {
  ServiceOptions listen{.port = 3000};
  assistant::RemoteAgentOptions agent;
  std::string theme_file;
};

Result<void> run_assistant_web(const AssistantWebOptions& options) {
  const ShutdownSignal shutdown;
  options.listen.set_log_format();
  const SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(const auto agent, assistant::RemoteAgent::create(*transport, options.agent));
  assistant::WebOptions page;
  if (!options.theme_file.empty()) {
    ASSIGN_OR_RETURN(page.theme, assistant::load_theme(options.theme_file));
  }
  const assistant::WebService web(
      [&agent = *agent](const Context& context, const net::HttpRequest& request,
                        net::ResponseWriter& writer) { agent.handle(context, request, writer); },
      clock, std::move(page));
  obs::MetricRegistry registry;
  const Tracing tracing("rage-assistant-web", registry);
  const net::HttpServerOptions listener = options.listen.listener(std::size_t{1} << 20);
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(
          listener, tracing.around(assistant::route_template,
                                   [&web](const Context& context, const net::HttpRequest& request,
                                          net::ResponseWriter& writer) {
                                     web.handle(context, request, writer);
                                   })));
  fmt::print("rage assistant web: ready on http://{}:{}\n", options.listen.address, server->port());
  std::fflush(stdout);
  obs::log().info("assistant web ready", {{"address", options.listen.address},
                                          {"port", server->port()},
                                          {"agent", options.agent.url}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kWebDrainLimit);
  return {};
}

}  // namespace

void add_assistant_web(CLI::App& assistant, int& exit_code) {
  CLI::App* command =
      assistant.add_subcommand("web", "The page to chat on alone, in front of an agent elsewhere");
  auto options = std::make_shared<AssistantWebOptions>();
  options->listen.add_to(*command);
  command->add_option("--agent", options->agent.url, "Where the agent answers")
      ->envname("AGENT_SERVICE_URL")
      ->capture_default_str();
  command->add_option("--theme", options->theme_file, "As of `rage assistant`")
      ->envname("RAGE_THEME");
  command->footer(
      "Example:\n"
      "  rage assistant web --agent http://127.0.0.1:8001");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run_assistant_web(*options)); });
}

}  // namespace rage::app
