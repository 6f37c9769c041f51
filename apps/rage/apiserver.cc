// `rage apiserver`: the Kubernetes API on one machine, on SQLite.
#include "cluster/api_server.h"

#include <fmt/format.h>

#include <sys/stat.h>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "apis/validation.h"
#include "base/files.h"
#include "base/strings.h"
#include "cluster/janitor.h"
#include "node_setup.h"
#include "obs/log.h"
#include "operator/certificates.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;
using codec::Json;

constexpr auto kDrainLimit = 2s;
constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 20;

struct ApiServerFlags {
  std::string data;
  std::string token_file;
  std::string kubeconfig;
  std::string node_data;
  cluster::ApiServerOptions server;
};

// Its own certificates, kept beside the data so that clients' kubeconfigs stay good.
Result<op::CertificateBundle> load_certificates(const std::filesystem::path& folder,
                                                const std::string& address) {
  const auto file = folder / "certificates.json";
  Json kept;
  if (const auto text = read_file(file, kFileBytesMax)) {
    if (auto parsed = codec::parse_json(*text)) {
      kept = Json::object();
      kept["data"] = *std::move(parsed);
    }
  }
  ASSIGN_OR_RETURN(const op::CertificatePlan plan,
                   op::plan_certificate(kept, {address, "localhost", "kubernetes.default.svc"},
                                        SystemClock().wall_now()));
  if (!plan.secret_data.is_null()) {
    RETURN_IF_ERROR(write_file_atomically(file, codec::render_json(plan.secret_data)));
    chmod(file.c_str(), 0600);
  }
  return plan.bundle;
}

std::string kubeconfig_text(const std::string& url, const std::string& ca_file,
                            const std::string& token) {
  return fmt::format(
      "apiVersion: v1\nkind: Config\nclusters:\n- name: rage\n  cluster:\n    server: {}\n"
      "    certificate-authority: {}\nusers:\n- name: rage\n  user:\n    token: {}\n"
      "contexts:\n- name: rage\n  context:\n    cluster: rage\n    user: rage\n"
      "current-context: rage\n",
      url, ca_file, token);
}

// The file's, or one made once and kept with the data: (file's text, first token).
Result<std::string> load_tokens(const ApiServerFlags& flags) {
  if (!flags.token_file.empty()) return read_file(flags.token_file, kFileBytesMax);
  const auto file = std::filesystem::path(flags.data) / "tokens.csv";
  if (auto text = read_file(file, kFileBytesMax)) return text;
  const std::string text = fmt::format("{},admin,admin,system:masters\n", random_uuid());
  RETURN_IF_ERROR(write_file_atomically(file, text));
  chmod(file.c_str(), 0600);
  return text;
}

// Our own kinds are judged as the operator's webhook would. What provides nodes is the operator's
// to know: an object is refused if it would be wrong with any of them.
Result<std::vector<std::string>> admit(const kubeobjects::Resource& resource, const Json& object,
                                       const Json& live) {
  if (resource.group != "kaito.sh") return std::vector<std::string>{};
  std::optional<Error> refusal;
  for (const auto provisioner :
       {apis::Provisioner::kByo, apis::Provisioner::kAzureGpu, apis::Provisioner::kKarpenter}) {
    const apis::Verdict verdict = apis::validate(
        object, live, {.provisioner = provisioner, .mig = true, .accelerator = true});
    if (verdict.violations.empty()) return verdict.warnings;
    if (!refusal) {
      refusal = kubeobjects::bad_request("admission denied the request: " + verdict.message());
    }
  }
  return fail(*std::move(refusal));
}

Result<void> run(const ApiServerFlags& flags) {
  const ShutdownSignal shutdown;
  const std::filesystem::path folder = std::filesystem::absolute(flags.data);
  RETURN_IF_ERROR(ensure_directory(folder));
  SystemClock clock;
  ASSIGN_OR_RETURN(const std::string token_text, load_tokens(flags));
  ASSIGN_OR_RETURN(const op::CertificateBundle bundle,
                   load_certificates(folder, flags.server.address));
  ASSIGN_OR_RETURN(const auto store, cluster::ResourceStore::open(folder / "cluster.db"));
  ASSIGN_OR_RETURN(const auto objects,
                   cluster::Objects::create(*store, clock, {.admission = admit}));
  const cluster::Janitor janitor(*objects, clock);
  cluster::ApiServerOptions options = flags.server;
  ASSIGN_OR_RETURN(options.tokens, cluster::Tokens::parse(token_text));
  const auto certificate = std::make_shared<const net::ServerCertificate>(
      net::ServerCertificate{.chain_pem = bundle.certificate_pem, .key_pem = bundle.key_pem});
  std::optional<LocalPodLogs> pod_logs;
  if (!flags.node_data.empty()) {
    pod_logs.emplace(clock, std::filesystem::absolute(flags.node_data));
    options.pod_logs = &*pod_logs;
  }
  options.certificate = [certificate]() -> Result<std::shared_ptr<const net::ServerCertificate>> {
    return certificate;
  };
  ASSIGN_OR_RETURN(const auto server, cluster::ApiServer::create(*objects, clock, options));
  const std::string url = fmt::format("https://{}:{}", options.address, server->port());
  const auto ca_file = folder / "ca.crt";
  RETURN_IF_ERROR(write_file_atomically(ca_file, bundle.ca_pem));
  const std::filesystem::path kubeconfig =
      flags.kubeconfig.empty() ? folder / "kubeconfig" : std::filesystem::path(flags.kubeconfig);
  const std::string token = token_text.substr(0, token_text.find(','));
  RETURN_IF_ERROR(write_file_atomically(kubeconfig, kubeconfig_text(url, ca_file.string(), token)));
  chmod(kubeconfig.c_str(), 0600);
  fmt::print("rage apiserver: ready on {}, kubeconfig {}\n", url, kubeconfig.string());
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  server->drain(kDrainLimit);
  return {};
}

}  // namespace

void add_apiserver(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "apiserver", "The Kubernetes API on one machine: kubectl and the operator work against it");
  auto flags = std::make_shared<ApiServerFlags>();
  command->add_option("--data", flags->data, "Folder of the cluster's objects and certificates")
      ->required();
  command->add_option("--address", flags->server.address, "IP address to listen on")
      ->capture_default_str();
  command->add_option("--port", flags->server.port, "Port; 0: any free one, see the kubeconfig")
      ->capture_default_str();
  command->add_option("--token-file", flags->token_file,
                      "Bearer tokens, \"token,user,uid\" a line; without it, one is made");
  command->add_option("--kubeconfig", flags->kubeconfig,
                      "Where to write one; without it, DATA/kubeconfig");
  command->add_option("--node-data", flags->node_data,
                      "Folder of the local node (rage node --data), to serve its pods' logs from");
  command
      ->add_option("--requests-max", flags->server.requests_max,
                   "Requests at once, each with a thread; watches count")
      ->check(CLI::Range(8, 32000))
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  rage apiserver --data cluster --port 6443\n"
      "  kubectl --kubeconfig cluster/kubeconfig apply -f deploy/crds");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
