// `rage pd-sidecar`: prefill on another server, decode on the one beside it.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "extproc_service.h"
#include "gateway/pd_sidecar.h"
#include "gateway/prefill_allow_list.h"
#include "kube/client.h"
#include "kube/kubeconfig.h"
#include "listen.h"
#include "net/certificate_files.h"
#include "net/self_signed.h"
#include "obs/log.h"
#include "picker/endpoint_source.h"
#include "shutdown.h"
#include "subcommands.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

// Named as in the reference implementation, so that its manifests work.
struct PdSidecarFlags {
  std::string address = "127.0.0.1";
  int port = 8000;
  int model_port = 8200;
  std::size_t ranks = 1;
  std::string connector = "nixlv2";
  bool secure = true;
  std::string cert_path;
  std::vector<std::string> tls_stages;
  std::vector<std::string> unverified_stages;
  bool sample = false;
  bool pool_only = false;
  std::string pool;
  std::string kubeconfig;
  std::vector<std::string> allowed;
  std::uint32_t retries = 0;
  std::string backoff = "200ms";
  std::string on_failure = "decode";
  std::size_t requests_max = 1024;
  std::string body_max = "64Mi";
  std::string drain_timeout = "60s";
};

Result<net::CertificateSource> certificate_of(const PdSidecarFlags& flags) {
  if (!flags.secure) return net::CertificateSource();
  if (flags.cert_path.empty()) {
    ASSIGN_OR_RETURN(auto pem, net::make_self_signed(SystemClock().wall_now()));
    auto shared = std::make_shared<const net::ServerCertificate>(std::move(pem));
    return net::CertificateSource(
        [shared]() -> Result<std::shared_ptr<const net::ServerCertificate>> { return shared; });
  }
  const std::filesystem::path directory = flags.cert_path;
  return net::certificate_files(directory / "tls.crt", directory / "tls.key");
}

gateway::PeerTls tls_of(const PdSidecarFlags& flags, const std::string& stage) {
  if (std::ranges::count(flags.tls_stages, stage) == 0) return nullptr;
  const bool unverified = std::ranges::count(flags.unverified_stages, stage) > 0;
  return std::make_shared<const net::TlsOptions>(
      net::TlsOptions{.insecure_skip_verify = unverified});
}

// The pods of a pool; in the order of dependency: the source goes first.
struct PoolMembers {
  Guarded<gateway::PrefillAllowList> list;
  SystemClock clock;
  std::unique_ptr<net::HttpTransport> transport;
  std::unique_ptr<kube::KubeClient> client;
  std::unique_ptr<picker::EndpointSource> source;
};

Result<std::unique_ptr<PoolMembers>> follow_pool(const PdSidecarFlags& flags) {
  const std::size_t slash = flags.pool.find('/');
  const bool has_namespace = slash != std::string::npos;
  picker::KubeSourceOptions options{
      .name_space = has_namespace ? flags.pool.substr(0, slash) : "default",
      .pool = has_namespace ? flags.pool.substr(slash + 1) : flags.pool};
  if (options.pool.empty() || options.name_space.empty() ||
      options.pool.find('/') != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument,
                "--enable-ssrf-protection needs --inference-pool NAMESPACE/NAME");
  }
  auto members = std::make_unique<PoolMembers>();
  members->transport = net::make_http_transport();
  ASSIGN_OR_RETURN(auto config,
                   kube::load_client_config({.path = flags.kubeconfig}, members->clock));
  members->client = kube::make_kube_client(*members->transport, members->clock, std::move(config));
  members->source = picker::make_kube_source(std::move(options), *members->client, members->clock);
  members->source->start([&list = members->list](const picker::PoolContents& contents) {
    gateway::PrefillAllowList fresh;
    for (const routing::Endpoint& endpoint : contents.endpoints) {
      if (const auto address = routing::parse_ip_address(endpoint.address)) fresh.add(*address);
    }
    list.with([&](auto& current) { current = std::move(fresh); });
  });
  return members;
}

Result<gateway::PdSidecarOptions> options_of(const PdSidecarFlags& flags) {
  gateway::PdSidecarOptions options{
      .address = pod_address(flags.address),
      .decoder_tls = tls_of(flags, "decoder"),
      .prefill_tls = tls_of(flags, "prefiller"),
      .sample_prefillers = flags.sample,
      .requests_max = std::max<std::size_t>(1, flags.requests_max / flags.ranks)};
  ASSIGN_OR_RETURN(options.certificate, certificate_of(flags));
  ASSIGN_OR_RETURN(options.body_bytes_max, parse_byte_size(flags.body_max));
  ASSIGN_OR_RETURN(options.exchange.connector, gateway::parse_kv_connector(flags.connector));
  ASSIGN_OR_RETURN(options.exchange.prefill_backoff, parse_flag_duration(flags.backoff));
  options.exchange.prefill_retries_max = flags.retries;
  options.exchange.on_failure = flags.on_failure == "decode" ? gateway::PrefillFailure::kDecodeAlone
                                                             : gateway::PrefillFailure::kAnswered;
  if (const char* port = std::getenv("SGLANG_BOOTSTRAP_PORT")) {
    const auto number = parse_uint(port);
    if (!number || *number == 0 || *number > 65535) {
      return fail(ErrorCode::kInvalidArgument, "$SGLANG_BOOTSTRAP_PORT is no port");
    }
    options.exchange.bootstrap_port = static_cast<std::uint16_t>(*number);
  }
  return options;
}

Result<void> run(const PdSidecarFlags& flags) {
  const ShutdownSignal shutdown;
  ASSIGN_OR_RETURN(gateway::PdSidecarOptions options, options_of(flags));
  ASSIGN_OR_RETURN(const auto drain_timeout, parse_flag_duration(flags.drain_timeout));
  ASSIGN_OR_RETURN(const auto named, gateway::PrefillAllowList::parse(flags.allowed));
  std::unique_ptr<PoolMembers> members;
  if (flags.pool_only) {
    ASSIGN_OR_RETURN(members, follow_pool(flags));
  }
  if (members || !flags.allowed.empty()) {
    options.allows_prefiller = [&](const routing::AddressPort& target) {
      return named.allows(target) ||
             (members && members->list.with([&](auto& list) { return list.allows(target); }));
    };
  }
  const std::size_t last_port = std::max(flags.port, flags.model_port) + flags.ranks - 1;
  if (last_port > 65535) {
    return fail(ErrorCode::kInvalidArgument, "there is no port {} for the last rank", last_port);
  }
  const auto transport = net::make_http_transport();
  std::vector<std::unique_ptr<gateway::PdSidecar>> ranks;
  for (std::size_t rank = 0; rank < flags.ranks; ++rank) {
    options.port = static_cast<std::uint16_t>(flags.port == 0 ? 0 : flags.port + rank);
    // The same pod: its own loopback, or, on a local node, its own address.
    options.decoder = fmt::format(
        "{}:{}", std::getenv("RAGE_POD_IP") != nullptr ? pod_address("0.0.0.0") : "127.0.0.1",
        flags.model_port + rank);
    ASSIGN_OR_RETURN(auto sidecar, gateway::PdSidecar::create(options, *transport));
    ranks.push_back(std::move(sidecar));
  }
  fmt::print("rage pd-sidecar: ready on {}://{}:{}\n", flags.secure ? "https" : "http",
             flags.address, ranks.front()->port());
  std::fflush(stdout);
  const int signal = shutdown.wait();
  obs::log().info("draining", {{"signal", signal}});
  const SteadyTime deadline = std::chrono::steady_clock::now() + drain_timeout;
  for (const auto& sidecar : ranks) {
    const auto left = deadline - std::chrono::steady_clock::now();
    sidecar->drain(std::max(0ms, std::chrono::ceil<std::chrono::milliseconds>(left)));
  }
  return {};
}

void add_server_options(CLI::App& command, PdSidecarFlags& flags) {
  command.add_option("--address", flags.address, "Address to listen on; 0.0.0.0 in a pod")
      ->capture_default_str();
  command.add_option("--port", flags.port, "Port; 0: any free one, printed when ready")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command
      .add_option("--model-server-port,--vllm-port", flags.model_port,
                  "Where the decode server listens on this host")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command
      .add_option("--data-parallel-size", flags.ranks,
                  "Ranks: rank r is served on port + r, its server on the model's port + r")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      .add_flag("--secure-proxy", flags.secure, "TLS for clients; --secure-proxy=false: plaintext")
      ->capture_default_str();
  command.add_option("--cert-path", flags.cert_path,
                     "Directory with tls.crt and tls.key; none: a self-signed certificate");
  command
      .add_option(
          "--requests-max", flags.requests_max,
          "Requests at once over all ranks, each with a thread; as many wait, past that: 503")
      ->check(CLI::Range(1, 32000))
      ->capture_default_str();
  command.add_option("--max-body-size", flags.body_max, "Of a request; past that: 413")
      ->capture_default_str();
  command
      .add_option("--drain-timeout", flags.drain_timeout,
                  "How long requests may take after SIGTERM")
      ->capture_default_str();
}

void add_prefill_options(CLI::App& command, PdSidecarFlags& flags) {
  command
      .add_option("--kv-connector,--connector", flags.connector, "nixlv2, shared-storage or sglang")
      ->capture_default_str();
  command
      .add_option("--enable-tls", flags.tls_stages, "Servers that speak TLS: prefiller, decoder")
      ->delimiter(',')
      ->check(CLI::IsMember({"prefiller", "decoder"}));
  command
      .add_option("--tls-insecure-skip-verify", flags.unverified_stages,
                  "Of those, whose certificates are not looked at")
      ->delimiter(',')
      ->check(CLI::IsMember({"prefiller", "decoder"}));
  command.add_flag("--enable-prefiller-sampling", flags.sample,
                   "Of several prefill servers in a request, a random one; else the first");
  command
      .add_option("--prefill-max-retries", flags.retries,
                  "Of 502, 503, 504 and connections that fail")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command.add_option("--prefill-retry-backoff", flags.backoff, "Before each")
      ->capture_default_str();
  command
      .add_option("--on-prefill-failure", flags.on_failure,
                  "decode: the decode server computes the prompt itself; fail: the client gets the "
                  "failure")
      ->check(CLI::IsMember({"decode", "fail"}))
      ->capture_default_str();
  command.add_option("--allow-prefiller", flags.allowed,
                     "An address, address:port or network that may be asked; repeatable. Default: "
                     "every address that is not local to this host");
  command.add_flag("--enable-ssrf-protection", flags.pool_only,
                   "Only pods of --inference-pool may be asked, and --allow-prefiller");
  command.add_option("--inference-pool", flags.pool, "NAMESPACE/NAME, or NAME in \"default\"")
      ->envname("INFERENCE_POOL");
  command.add_option("--kubeconfig", flags.kubeconfig,
                     "Default: the pod's service account, $KUBECONFIG, ~/.kube/config");
}

}  // namespace

void add_pd_sidecar(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "pd-sidecar",
      "Beside a decode server: prompts are prefilled by the server that a picker named");
  auto flags = std::make_shared<PdSidecarFlags>();
  add_server_options(*command, *flags);
  add_prefill_options(*command, *flags);
  command->footer(
      "A request with the header x-prefiller-host-port is sent there first, then to the decode\n"
      "server; everything else goes straight to the decode server.\n"
      "Examples:\n"
      "  rage pd-sidecar --address 0.0.0.0 --port 5000 --vllm-port 5001 --secure-proxy=false\n"
      "  rage pd-sidecar --enable-ssrf-protection --inference-pool models/phi --address 0.0.0.0");
  command->callback([=, &exit_code] { exit_code = exit_code_of(run(*flags)); });
}

}  // namespace rage::app
