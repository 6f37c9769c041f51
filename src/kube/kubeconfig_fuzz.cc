#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "kube/detail/token_sources.h"
#include "kube/kubeconfig.h"

// Files it names are looked for in a folder that is not there; plug-ins are not run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static rage::SystemClock clock;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto config = rage::kube::parse_kubeconfig(text, "", "/nonexistent", clock)) {
    CHECK(config->server.starts_with("http"));
    CHECK(config->tls != nullptr);
  }
  (void)rage::kube::detail::parse_exec_credential(text, "client.authentication.k8s.io/v1");
  (void)rage::kube::detail::parse_rfc3339(text);
  return 0;
}
