// `rage dashboard`: a page of what runs, on loopback, for whoever has its address.
#include "cluster/dashboard.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "base/process.h"
#include "base/strings.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "platform/platform.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

struct DashboardFlags {
  std::string data;
  std::string kubeconfig;
  std::string context;
  std::uint16_t port = 0;
  bool open = false;
};

void open_browser(const std::string& url) {
  const auto browser = ChildProcess::spawn({.argv = {"xdg-open", url}, .log_file = "/dev/null"});
  if (!browser) {
    fmt::print(stderr, "rage: no browser was started ({}): open the address yourself\n",
               browser.error().message);
    return;
  }
  (void)(*browser)->wait(std::chrono::steady_clock::now() + 5s);
}

Result<void> run(const DashboardFlags& flags) {
  const ShutdownSignal shutdown;
  SystemClock clock;
  const auto transport = net::make_http_transport();
  const std::string path =
      flags.data.empty() ? flags.kubeconfig : platform::kubeconfig_of(flags.data).string();
  ASSIGN_OR_RETURN(kube::ClientConfig config,
                   kube::load_client_config({.path = path, .context = flags.context}, clock));
  const auto client = kube::make_kube_client(*transport, clock, std::move(config));
  const std::string key = random_uuid();
  const cluster::Dashboard dashboard(*client, *transport, key);
  ASSIGN_OR_RETURN(
      const auto server,
      net::HttpServer::create(
          {.port = flags.port, .workers = 8},
          [&](const Context& context, const net::HttpRequest& request,
              net::ResponseWriter& writer) { dashboard.handle(context, request, writer); }));
  // Behind "#": browsers do not send it, so that it stands in no log.
  const std::string url = fmt::format("http://127.0.0.1:{}/#{}", server->port(), key);
  fmt::print(
      "rage dashboard: {}\n(for you alone: whoever has this address sees what you see; "
      "Ctrl-C ends it)\n",
      url);
  std::fflush(stdout);
  if (flags.open) open_browser(url);
  shutdown.wait();
  server->drain(0ms);
  return {};
}

}  // namespace

void add_dashboard(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "dashboard", "A page of what runs: resources, conditions, logs, endpoints, live metrics");
  auto flags = std::make_shared<DashboardFlags>();
  auto* data = command->add_option("--data", flags->data, "What `rage up` runs in this folder");
  command
      ->add_option("--kubeconfig", flags->kubeconfig,
                   "Cluster to look at instead; default: $KUBECONFIG, ~/.kube/config")
      ->excludes(data);
  command->add_option("--context", flags->context, "Context of the kubeconfig");
  command->add_option("--port", flags->port, "Port on 127.0.0.1; 0: any free one")
      ->capture_default_str();
  command->add_flag("--open", flags->open, "Open it in the browser (xdg-open)");
  command->footer(
      "The page only reads, and shows no Secrets. CPU and memory are those of processes of this "
      "machine.\n"
      "Example:\n"
      "  rage dashboard --data demo --open");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
