// The options of every command against a Kubernetes, and how such a command is run.
#pragma once

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "inspect/cluster.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "platform/platform.h"

namespace rage::app {

enum class AllNamespaces { kOffered, kNot };

struct ClusterOptions {
  std::string kubeconfig;
  std::string context;
  std::string data;
  std::string ns;
  bool all_namespaces = false;

  void add_to(CLI::App& command, AllNamespaces all) {
    auto* file = command.add_option("--kubeconfig", kubeconfig,
                                    "Cluster to work on; default: the pod's service account, "
                                    "$KUBECONFIG, ~/.kube/config");
    command.add_option("--data", data, "What `rage up` runs in this folder, instead")
        ->excludes(file);
    command.add_option("--context", context, "Context of the kubeconfig");
    auto* one = command.add_option("-n,--namespace", ns,
                                   "Namespace; default: the context's, or \"default\"");
    if (all == AllNamespaces::kNot) return;
    command.add_flag("-A,--all-namespaces", all_namespaces, "Every namespace")->excludes(one);
  }

  // `body` gets an inspect::Cluster; its result is handed on.
  template <class Body>
  auto run(Body&& body) const -> decltype(body(std::declval<const inspect::Cluster&>())) {
    SystemClock clock;
    const auto transport = net::make_http_transport();
    const std::string path = data.empty() ? kubeconfig : platform::kubeconfig_of(data).string();
    ASSIGN_OR_RETURN(kube::ClientConfig config,
                     kube::load_client_config({.path = path, .context = context}, clock));
    const std::string of_context = config.default_namespace;
    const auto client = kube::make_kube_client(*transport, clock, std::move(config));
    const auto write_to = [](std::FILE* file) {
      return [file](std::string_view text) {
        std::fwrite(text.data(), 1, text.size(), file);
        std::fflush(file);  // Somebody may watch.
      };
    };
    const bool terminal = ::isatty(STDOUT_FILENO) == 1;
    const inspect::Output output{
        .out = write_to(stdout),
        .err = write_to(stderr),
        .colour = terminal ? inspect::Colour::kTerminal : inspect::Colour::kNever};
    const inspect::Cluster cluster{.client = *client,
                                   .clock = clock,
                                   .ns = all_namespaces ? ""
                                         : ns.empty()   ? of_context
                                                        : ns,
                                   .output = output};
    return body(cluster);
  }
};

}  // namespace rage::app
