#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "kube/detail/in_cluster.h"
#include "kube/detail/token_sources.h"
#include "kube/kubeconfig.h"

namespace rage::kube {
namespace {

constexpr char kServiceAccount[] = "/var/run/secrets/kubernetes.io/serviceaccount";
constexpr std::uint64_t kFileBytesMax = 8 << 20;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<std::string> kubeconfig_paths(const std::string& given) {
  if (!given.empty()) return {given};
  std::vector<std::string> paths;
  const std::string listed = environment("KUBECONFIG");
  for (const std::string_view path : split(listed, ':')) {
    if (!path.empty()) paths.emplace_back(path);
  }
  const std::string home = environment("HOME");
  if (paths.empty() && !home.empty()) paths.push_back(home + "/.kube/config");
  return paths;
}

}  // namespace

Result<ClientConfig> detail::in_cluster_config(std::string_view host, std::string_view port,
                                               const std::filesystem::path& directory,
                                               Clock& clock) {
  if (host.empty() || port.empty()) {
    return fail(ErrorCode::kNotFound, "not in a pod: KUBERNETES_SERVICE_HOST is not set");
  }
  auto tokens = make_file_token(directory / "token", clock);
  RETURN_IF_ERROR(tokens->token({}));
  auto ca = read_file(directory / "ca.crt", kFileBytesMax);
  if (!ca) return fail(std::move(ca).error().with_context("service account"));
  const bool ipv6 = host.find(':') != std::string_view::npos;
  ClientConfig config{
      .server = fmt::format("https://{}{}{}:{}", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port),
      .tls = std::make_shared<const net::TlsOptions>(net::TlsOptions{.ca_pem = *std::move(ca)}),
      .tokens = std::move(tokens)};
  const auto ns = read_file(directory / "namespace", kFileBytesMax);
  if (ns && !trim(*ns).empty()) config.default_namespace = trim(*ns);
  return config;
}

Result<ClientConfig> load_client_config(const KubeconfigOptions& options, Clock& clock) {
  std::string looked = "";
  if (options.path.empty()) {
    auto in_pod =
        detail::in_cluster_config(environment("KUBERNETES_SERVICE_HOST"),
                                  environment("KUBERNETES_SERVICE_PORT"), kServiceAccount, clock);
    if (in_pod || in_pod.error().code != ErrorCode::kNotFound) return in_pod;
    looked = in_pod.error().message + "; ";
  }
  const std::vector<std::string> paths = kubeconfig_paths(options.path);
  for (const std::string& path : paths) {
    auto yaml = read_file(path, kFileBytesMax);
    if (!yaml && yaml.error().code == ErrorCode::kNotFound) continue;
    if (!yaml) return fail(std::move(yaml).error().with_context("kubeconfig"));
    const auto directory = std::filesystem::path(path).parent_path().string();
    return parse_kubeconfig(*yaml, options.context, directory, clock);
  }
  return fail(ErrorCode::kNotFound, "no API server is configured: {}no kubeconfig at {}", looked,
              paths.empty() ? "$KUBECONFIG or ~/.kube/config" : join(paths, ", "));
}

}  // namespace rage::kube
