#include "bbr_adapters.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "apis/kinds.h"
#include "base/files.h"
#include "base/mutex.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/kubeconfig.h"
#include "net/http_client.h"
#include "obs/log.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kFilePoll = 1s;
constexpr std::uint64_t kAdapterFileBytesMax = 4 << 20;
constexpr auto kAdaptersSyncLimit = 30s;

class FileSource final : public AdapterSource {
 public:
  FileSource(std::string path, extproc::AdapterMaps& maps, Clock& clock)
      : path_(std::move(path)), maps_(maps), clock_(clock) {}

  Result<void> start() {
    RETURN_IF_ERROR(load());
    worker_ = std::jthread([this](const std::stop_token& stop) {
      while (clock_.sleep_for(kFilePoll, stop)) {
        std::error_code error;
        const auto changed = std::filesystem::last_write_time(path_, error);
        if (error || changed == read_at_) continue;
        if (const auto loaded = load(); !loaded) {
          obs::log().warn("adapters stay as they were", {{"error", loaded.error().message}});
        }
      }
    });
    return {};
  }

 private:
  Result<void> load() {
    std::error_code error;
    read_at_ = std::filesystem::last_write_time(path_, error);
    ASSIGN_OR_RETURN(const std::string text, read_file(path_, kAdapterFileBytesMax));
    auto map = extproc::parse_adapter_map(text);
    if (!map) return fail(std::move(map).error().with_context(path_));
    obs::log().info("adapters read", {{"file", path_}, {"models", map->base_of.size()}});
    maps_.publish(*std::move(map));
    return {};
  }

  const std::string path_;
  extproc::AdapterMaps& maps_;
  Clock& clock_;
  std::filesystem::file_time_type read_at_;  // Of the worker once it runs.
  std::jthread worker_;
};

// Every change reads all of them anew, so that what a deleted one said is forgotten.
class ConfigMapSource final : public AdapterSource {
 public:
  ConfigMapSource(kube::ClientConfig config, std::string ns, extproc::AdapterMaps& maps,
                  Clock& clock)
      : maps_(maps),
        transport_(net::make_http_transport()),
        client_(kube::make_kube_client(*transport_, clock, std::move(config))),
        informer_(*client_, clock, apis::builtin_type("ConfigMap"),
                  {.ns = std::move(ns), .label_selector = "inference.llm-d.ai/ipp-managed=true"}) {
    informer_.on_change([this](const kube::Change&) {
      if (informer_.synced()) publish();
    });
  }

  Result<void> start() {
    informer_.start();
    RETURN_IF_ERROR(informer_.wait_synced(Context::with_timeout(kAdaptersSyncLimit)));
    publish();
    return {};
  }

 private:
  void publish() {
    MutexLock lock(publishing_);  // A slower thread must not bring back what is older.
    extproc::AdapterMap map;
    for (const kube::ObjectPtr& object : informer_.list()) {
      const codec::Json document = object->document();
      const codec::Json* entry = codec::find_key(document, "data");
      const auto added = extproc::add_adapters(entry != nullptr ? *entry : codec::Json(), map);
      if (!added) {
        obs::log().warn("a ConfigMap of adapters is left out",
                        {{"name", object->meta().name}, {"error", added.error().message}});
      }
    }
    maps_.publish(std::move(map));
  }

  Mutex publishing_;
  extproc::AdapterMaps& maps_;
  const std::unique_ptr<net::HttpTransport> transport_;
  const std::unique_ptr<kube::KubeClient> client_;
  kube::Informer informer_;  // Last: its thread uses the others.
};

}  // namespace

void AdapterFlags::add_to(CLI::App& command) {
  command.add_option("--adapters", file,
                     "For base-model-to-header: YAML or JSON file, a list of {baseModel, "
                     "adapters}, followed; none: ConfigMaps labelled "
                     "inference.llm-d.ai/ipp-managed=true");
  command.add_option("--kubeconfig", kubeconfig,
                     "Cluster of the ConfigMaps; default: the pod's service account, $KUBECONFIG, "
                     "~/.kube/config");
  command.add_option("--context", context, "Context of the kubeconfig");
  command.add_option("--namespace", ns, "Namespace of the ConfigMaps; default: the context's")
      ->envname("NAMESPACE");
}

Result<std::unique_ptr<AdapterSource>> AdapterSource::create(const AdapterFlags& flags,
                                                             extproc::AdapterMaps& maps,
                                                             Clock& clock) {
  if (!flags.file.empty()) {
    auto source = std::make_unique<FileSource>(flags.file, maps, clock);
    RETURN_IF_ERROR(source->start());
    return source;
  }
  ASSIGN_OR_RETURN(
      kube::ClientConfig config,
      kube::load_client_config({.path = flags.kubeconfig, .context = flags.context}, clock));
  std::string ns = flags.ns.empty() ? config.default_namespace : flags.ns;
  auto source = std::make_unique<ConfigMapSource>(std::move(config), std::move(ns), maps, clock);
  RETURN_IF_ERROR(source->start());
  return source;
}

}  // namespace rage::app
