// `rage export`: what runs here as manifests for a cluster.
#include "platform/export.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/files.h"
#include "cluster_options.h"
#include "codec/go_text.h"
#include "subcommands.h"

namespace rage::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kReadLimit = 60s;

Result<void> write_folder(const fs::path& folder, const std::vector<codec::Json>& objects) {
  RETURN_IF_ERROR(ensure_directory(folder));
  std::string list =
      "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n";
  for (const codec::Json& object : objects) {
    const std::string name = platform::export_file_name(object);
    RETURN_IF_ERROR(write_file_atomically(folder / name, codec::render_go_yaml(object)));
    list += fmt::format("  - {}\n", name);
  }
  RETURN_IF_ERROR(write_file_atomically(folder / "kustomization.yaml", list));
  fmt::print(stderr, "{} objects in {}; apply them with -k\n", objects.size(), folder.string());
  return {};
}

// `ns`: empty means all.
Result<void> run_export(const inspect::Cluster& cluster, const std::string& output,
                        const std::string& ns, platform::ExportSecrets secrets) {
  ASSIGN_OR_RETURN(auto objects, platform::export_objects(Context::with_timeout(kReadLimit),
                                                          cluster.client, secrets));
  std::erase_if(objects, [&](const codec::Json& object) {
    return !ns.empty() && codec::string_or(object["metadata"], "namespace", "") != ns;
  });
  if (output != "-") return write_folder(output, objects);
  bool first = true;
  for (const codec::Json& object : objects) {
    fmt::print("{}{}", first ? "" : "---\n", codec::render_go_yaml(object));
    first = false;
  }
  return {};
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "export", "Print the manifests that bring what was applied here to a cluster");
  struct Flags {
    ClusterOptions cluster;
    std::string output = "-";
    bool secrets = false;
  };
  auto flags = std::make_shared<Flags>();
  flags->cluster.add_to(*command, AllNamespaces::kNot);
  command
      ->add_option("-o,--output", flags->output,
                   "Folder for a file an object and a kustomization.yaml, or - to print them")
      ->capture_default_str();
  command->add_flag("--secrets", flags->secrets, "With Secrets, in plain sight");
  command->footer(
      "What people applied, of all namespaces unless -n names one; not what controllers made of "
      "it, no status, no "
      "addresses.\n"
      "Data does not go along: index it again there.\n"
      "Examples:\n"
      "  rage export --data demo -o manifests\n"
      "  rage export --data demo | kubectl --context production apply --server-side -f -");
  command->callback([flags, &exit_code] {
    const auto secrets =
        flags->secrets ? platform::ExportSecrets::kInclude : platform::ExportSecrets::kLeaveOut;
    exit_code = exit_code_of(flags->cluster.run([&](const inspect::Cluster& cluster) {
      return run_export(cluster, flags->output, flags->cluster.ns, secrets);
    }));
  });
}

}  // namespace rage::app
