// The embedded API server with all it needs in one folder: objects, certificates, tokens, and a
// kubeconfig for those who use it.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/files.h"
#include "cluster/api_server.h"
#include "cluster/janitor.h"
#include "cluster/objects.h"
#include "cluster/resource_store.h"

namespace rage::platform {

struct EmbeddedApiOptions {
  std::filesystem::path folder;  // Made if absent, readable for its owner alone.
  // Address, port, limits; tokens and certificate are the folder's.
  cluster::ApiServerOptions server;
  std::filesystem::path token_file;        // Empty: one token is made and kept in the folder.
  std::filesystem::path kubeconfig;        // Empty: FOLDER/kubeconfig.
  std::string service_network = "127.96";  // First two bytes of the addresses given to Services.
};

// Resource. Thread-safe. Serves from create() until destroyed. Our own kinds are judged as the
// operator's webhook would judge them.
class EmbeddedApi final {
 public:
  // `clock` outlives it. Fails as the store and the server do; kFailedPrecondition: another process
  // has the folder.
  static Result<std::unique_ptr<EmbeddedApi>> create(Clock& clock, EmbeddedApiOptions options);

  const std::string& url() const { return url_; }
  const std::filesystem::path& kubeconfig() const { return kubeconfig_; }
  void drain(std::chrono::milliseconds limit) { server_->drain(limit); }

  cluster::ApiServer& server() { return *server_; }

 private:
  EmbeddedApi() = default;
  std::string url_;
  std::filesystem::path kubeconfig_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<cluster::ResourceStore> store_;
  std::unique_ptr<cluster::Objects> objects_;
  std::unique_ptr<cluster::Janitor> janitor_;
  std::unique_ptr<cluster::ApiServer> server_;  // Last: it uses everything above.
};

}  // namespace rage::platform
