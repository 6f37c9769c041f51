#include "rag_connection.h"

#include "base/files.h"

namespace rage::app {
namespace {

constexpr std::uint64_t kPemBytesMax = std::uint64_t{4} << 20;

}  // namespace

void RagConnection::add_to(CLI::App& command, const char* names) {
  command.add_option(names, server, "URL of the RAG service")
      ->envname("RAGE_SERVER")
      ->capture_default_str();
  command.add_option("--api-key", api_key, "Its API key; better set by the environment")
      ->envname("RAGE_API_KEY");
  command
      .add_option("--ca-file", ca_file,
                  "Certificates to trust instead of the system's, PEM, for https")
      ->envname("RAGE_CA_FILE");
  command.add_flag("--insecure", insecure, "Trust any certificate");
}

Result<cli::RagClientOptions> RagConnection::options() const {
  cli::RagClientOptions options{.base_url = server, .api_key = api_key};
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  if (ca_file.empty() && !insecure) return options;
  net::TlsOptions tls{.insecure_skip_verify = insecure};
  if (!ca_file.empty()) {
    ASSIGN_OR_RETURN(tls.ca_pem, read_file(ca_file, kPemBytesMax));
  }
  options.tls = std::make_shared<const net::TlsOptions>(std::move(tls));
  return options;
}

}  // namespace rage::app
