// `rage assistant web`: the page alone, in front of an agent elsewhere.
#include "assistant_web.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "assistant/remote_agent.h"
#include "assistant/web.h"
#include "listen.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "obs/log.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kDrainLimit = 20s;

struct AssistantWebOptions {
  std::string address = "127.0.0.1";
  int port = 3000;
  std::string log_format = "json";
  std::size_t workers = 256;
  assistant::RemoteAgentOptions agent;
};

Result<void> run_assistant_web(const AssistantWebOptions& options) {
  const ShutdownSignal shutdown;
  obs::log().set_format(options.log_format == "text" ? obs::LogFormat::kText
                                                     : obs::LogFormat::kJson);
  const SystemClock clock;
  const auto transport = net::make_http_transport();
  ASSIGN_OR_RETURN(const auto agent, assistant::RemoteAgent::create(*transport, options.agent));
  const assistant::WebService web(
      [&agent = *agent](const Context& context, const net::HttpRequest& request,
                        net::ResponseWriter& writer) { agent.handle(context, request, writer); },
      clock, {});
  const net::HttpServerOptions listener{.address = pod_address(options.address),
                                        .port = static_cast<std::uint16_t>(options.port),
                                        .body_bytes_max = std::size_t{1} << 20,
                                        .workers = options.workers};
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(
          listener, [&web](const Context& context, const net::HttpRequest& request,
                           net::ResponseWriter& writer) { web.handle(context, request, writer); }));
  fmt::print("rage assistant web: ready on http://{}:{}\n", options.address, server->port());
  std::fflush(stdout);
  obs::log().info(
      "assistant web ready",
      {{"address", options.address}, {"port", server->port()}, {"agent", options.agent.url}});
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kDrainLimit);
  return {};
}

}  // namespace

void add_assistant_web(CLI::App& assistant, int& exit_code) {
  CLI::App* command =
      assistant.add_subcommand("web", "The page to chat on alone, in front of an agent elsewhere");
  auto options = std::make_shared<AssistantWebOptions>();
  command->add_option("--address", options->address, "Address to listen on; 0.0.0.0 in a pod")
      ->capture_default_str();
  command->add_option("--port", options->port, "Port; 0: any free one, printed when ready")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--agent", options->agent.url, "Where the agent answers")
      ->envname("AGENT_SERVICE_URL")
      ->capture_default_str();
  command->add_option("--workers", options->workers, "Requests served at the same time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "json or text")
      ->check(CLI::IsMember({"json", "text"}))
      ->capture_default_str();
  command->footer(
      "Example:\n"
      "  rage assistant web --agent http://127.0.0.1:8001");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run_assistant_web(*options)); });
}

}  // namespace rage::app
