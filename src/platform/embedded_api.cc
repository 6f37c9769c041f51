#include "platform/embedded_api.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <optional>
#include <utility>

#include "apis/validation.h"
#include "base/files.h"
#include "base/strings.h"
#include "operator/certificates.h"

namespace rage::platform {
namespace {

using codec::Json;
namespace fs = std::filesystem;

constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 20;

Result<void> write_private(const fs::path& file, std::string_view text) {
  RETURN_IF_ERROR(write_file_atomically(file, text));
  ::chmod(file.c_str(), 0600);
  return {};
}

// Kept beside the data so that clients' kubeconfigs stay good.
Result<op::CertificateBundle> load_certificates(const fs::path& folder, const std::string& address,
                                                WallTime now) {
  const auto file = folder / "certificates.json";
  Json kept;
  if (const auto text = read_file(file, kFileBytesMax)) {
    if (auto parsed = codec::parse_json(*text)) {
      kept = Json::object();
      kept["data"] = *std::move(parsed);
    }
  }
  ASSIGN_OR_RETURN(
      const op::CertificatePlan plan,
      op::plan_certificate(kept, {address, "localhost", "kubernetes.default.svc"}, now));
  if (!plan.secret_data.is_null()) {
    RETURN_IF_ERROR(write_private(file, codec::render_json(plan.secret_data)));
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

Result<std::string> load_tokens(const EmbeddedApiOptions& options) {
  if (!options.token_file.empty()) return read_file(options.token_file, kFileBytesMax);
  const auto file = options.folder / "tokens.csv";
  if (auto text = read_file(file, kFileBytesMax)) return text;
  const std::string text = fmt::format("{},admin,admin,system:masters\n", random_uuid());
  RETURN_IF_ERROR(write_private(file, text));
  return text;
}

// What provides nodes is the operator's to know: an object is refused if it would be wrong with any
// of them.
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

}  // namespace

Result<std::unique_ptr<EmbeddedApi>> EmbeddedApi::create(Clock& clock, EmbeddedApiOptions options) {
  options.folder = fs::absolute(options.folder);
  const fs::path& folder = options.folder;
  RETURN_IF_ERROR(ensure_directory(folder));
  ::chmod(folder.c_str(), 0700);
  std::unique_ptr<EmbeddedApi> api(new EmbeddedApi());
  ASSIGN_OR_RETURN(api->lock_, FileLock::try_acquire(folder / "lock"));
  ASSIGN_OR_RETURN(const std::string tokens, load_tokens(options));
  ASSIGN_OR_RETURN(const op::CertificateBundle bundle,
                   load_certificates(folder, options.server.address, clock.wall_now()));
  ASSIGN_OR_RETURN(api->store_, cluster::ResourceStore::open(folder / "cluster.db"));
  ASSIGN_OR_RETURN(
      api->objects_,
      cluster::Objects::create(*api->store_, clock,
                               {.admission = admit, .service_network = options.service_network}));
  api->janitor_ = std::make_unique<cluster::Janitor>(*api->objects_, clock);
  cluster::ApiServerOptions server = options.server;
  ASSIGN_OR_RETURN(server.tokens, cluster::Tokens::parse(tokens));
  const auto certificate = std::make_shared<const net::ServerCertificate>(
      net::ServerCertificate{.chain_pem = bundle.certificate_pem, .key_pem = bundle.key_pem});
  server.certificate = [certificate]() -> Result<std::shared_ptr<const net::ServerCertificate>> {
    return certificate;
  };
  ASSIGN_OR_RETURN(api->server_, cluster::ApiServer::create(*api->objects_, clock, server));
  api->url_ = fmt::format("https://{}:{}", server.address, api->server_->port());
  const auto ca_file = folder / "ca.crt";
  RETURN_IF_ERROR(write_file_atomically(ca_file, bundle.ca_pem));
  api->kubeconfig_ = options.kubeconfig.empty() ? folder / "kubeconfig" : options.kubeconfig;
  const std::string token = tokens.substr(0, tokens.find(','));
  RETURN_IF_ERROR(
      write_private(api->kubeconfig_, kubeconfig_text(api->url_, ca_file.string(), token)));
  return api;
}

}  // namespace rage::platform
