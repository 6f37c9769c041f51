// `rage apply`: manifests and kustomizations to a cluster, and until what they say is ready.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "apply_manifests.h"
#include "cluster_options.h"
#include "subcommands.h"

namespace rage::app {

void add_apply(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("apply", "Apply manifests to a cluster, and wait until they are ready");
  auto cluster = std::make_shared<ClusterOptions>();
  auto what = std::make_shared<ManifestOptions>();
  cluster->add_to(*command, AllNamespaces::kNot);
  what->add_to(*command);
  command->footer(
      "Server-side apply, with the field manager rage-up. Exit code 1 if something is refused, or "
      "not\n"
      "ready in time.\n"
      "Examples:\n"
      "  rage apply -f manifests/ --wait 300\n"
      "  rage apply -k examples/scale23x/manifests\n"
      "  helm template chart | rage apply -f -");
  command->callback([=, &exit_code] {
    exit_code = exit_code_of(cluster->run([&](const inspect::Cluster& target) {
      auto objects = what->gather();
      if (!objects) return Result<void>(fail(objects.error()));
      return apply_manifests(target.client, target.clock, target.ns, *std::move(objects),
                             what->wait_seconds);
    }));
  });
}

}  // namespace rage::app
