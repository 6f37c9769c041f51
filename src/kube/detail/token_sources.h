// Where bearer tokens come from.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "codec/json.h"
#include "kube/kubeconfig.h"

namespace rage::kube::detail {

std::shared_ptr<TokenSource> make_static_token(std::string token);

// Read again when what we have is older than a minute, or refused; while the file cannot be read,
// the token we have serves on. `clock` outlives it.
std::shared_ptr<TokenSource> make_file_token(std::filesystem::path file, Clock& clock);

// A kubeconfig's users[].user.exec.
struct ExecPlugin {
  std::string api_version;  // "client.authentication.k8s.io/v1"
  std::vector<std::string> argv;
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::string install_hint = {};
  codec::Json cluster = nullptr;  // What KUBERNETES_EXEC_INFO tells of it; null: nothing.
  std::chrono::milliseconds timeout{60'000};
  std::size_t output_bytes_max = std::size_t{1} << 20;
};

// What a plug-in printed.
struct ExecCredential {
  std::string token;
  std::string certificate_pem;
  std::string key_pem;
  std::optional<WallTime> expires_at;
};

// kInvalidArgument unless it is an ExecCredential of `api_version` with a token or a certificate.
Result<ExecCredential> parse_exec_credential(std::string_view output, std::string_view api_version);

// Run again when what it gave expires, or is refused; by one thread, while others wait for it.
// `tls` is what its certificate goes into. `clock` outlives it.
std::shared_ptr<TokenSource> make_exec_token(ExecPlugin plugin,
                                             std::shared_ptr<const net::TlsOptions> tls,
                                             Clock& clock);

// "2025-01-31T08:15:00Z", with a fraction or an offset, too.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace rage::kube::detail
