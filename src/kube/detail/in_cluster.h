// A pod's own service account.
#pragma once

#include <filesystem>
#include <string_view>

#include "kube/kubeconfig.h"

namespace rage::kube::detail {

// `host`, `port`: KUBERNETES_SERVICE_HOST and _PORT; `directory` has token, ca.crt and namespace.
// kNotFound without a host or a token file.
Result<ClientConfig> in_cluster_config(std::string_view host, std::string_view port,
                                       const std::filesystem::path& directory, Clock& clock);

}  // namespace rage::kube::detail
