// Where the API server is and who we are: kubeconfig files, or a pod's service account.
// Source: Kubernetes "Organizing cluster access using kubeconfig files", client-go credential
// plugins (client.authentication.k8s.io/v1).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/error.h"
#include "net/http_client.h"

namespace rage::kube {

// Interface. Thread-safe. The current bearer token; empty: none. Files are read again when they
// change (projected tokens rotate), exec plug-ins are run again when what they gave expires.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  virtual Result<std::string> token(const Context& context) = 0;
  // The server said 401: what is cached is worthless.
  virtual void invalidate() = 0;
  // Plug-ins may give a client certificate: used instead of ClientConfig::tls. Null: nothing given.
  virtual std::shared_ptr<const net::TlsOptions> tls() { return nullptr; }
};

struct ClientConfig {
  std::string server;  // "https://127.0.0.1:6443", without a final slash.
  std::shared_ptr<const net::TlsOptions> tls;
  std::shared_ptr<TokenSource> tokens;  // Null: none (a client certificate, or nobody).
  std::string default_namespace = "default";
};

struct KubeconfigOptions {
  std::string path = {};     // Empty: $KUBECONFIG (the first file that exists), ~/.kube/config.
  std::string context = {};  // Empty: current-context.
};

// The pod's service account if there is one and no path is given, else a kubeconfig.
// kNotFound says where it looked. `clock` outlives the result.
Result<ClientConfig> load_client_config(const KubeconfigOptions& options, Clock& clock);
// `directory`: what relative file names in it start from. For tests and fuzzing, too.
Result<ClientConfig> parse_kubeconfig(std::string_view yaml, std::string_view context,
                                      const std::string& directory, Clock& clock);

}  // namespace rage::kube
