#include "model_mirror.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string_view>

#include "base/strings.h"
#include "listen.h"
#include "model_access.h"
#include "models/mirror.h"
#include "net/http_server.h"
#include "obs/metrics.h"

namespace rage::app {
namespace {

constexpr std::uint64_t kPortMax = 65'535;

// The names that the download pods of KAITO have: the operator reads the first two.
struct DownloadMetrics {
  explicit DownloadMetrics(obs::MetricRegistry& registry)
      : speed(registry.gauge("model_mirror_download_speed_bytes_per_second",
                             "Bytes a second since the start.")),
        remaining(registry.gauge("model_mirror_download_remaining_seconds",
                                 "Seconds left; -1: not known, 0: finished.")),
        done(registry.gauge("model_mirror_download_done_bytes", "Bytes that are there.")),
        size(registry.gauge("model_mirror_download_size_bytes", "Bytes of the whole model.")) {
    remaining.set(-1);
  }

  obs::Gauge& speed;
  obs::Gauge& remaining;
  obs::Gauge& done;
  obs::Gauge& size;
};

Result<std::unique_ptr<net::HttpServer>> serve_progress(const std::string& address,
                                                        const obs::MetricRegistry& registry) {
  if (address.empty()) return std::unique_ptr<net::HttpServer>();
  const std::size_t colon = address.rfind(':');
  const auto port = colon == std::string::npos
                        ? std::nullopt
                        : parse_uint(std::string_view(address).substr(colon + 1));
  if (!port || colon == 0 || *port > kPortMax) {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no address such as 127.0.0.1:9100",
                address);
  }
  return net::HttpServer::create(
      {.address = pod_address(address.substr(0, colon)),
       .port = static_cast<std::uint16_t>(*port),
       .connections_max = 16,
       .workers = 1},
      [&registry](const Context&, const net::HttpRequest&, net::ResponseWriter& writer) {
        (void)writer.send({.status = 200,
                           .headers = {{"Content-Type", std::string(obs::kMetricsContentType)}},
                           .body = registry.render()});
      });
}

}  // namespace

Result<void> pull_to_folder(const MirrorRequest& request) {
  ASSIGN_OR_RETURN(const auto reference, models::parse_model_reference(request.reference));
  ModelAccess access;
  obs::MetricRegistry registry;
  DownloadMetrics metrics(registry);
  ASSIGN_OR_RETURN(const auto server, serve_progress(request.progress_address, registry));
  models::DownloadMeter meter;
  RETURN_IF_ERROR(
      models::mirror_repository(Context{}, access.hub(), reference, request.folder,
                                [&](const models::MirrorProgress& progress) {
                                  meter.update(progress, access.clock().now());
                                  metrics.speed.set(meter.bytes_per_second());
                                  metrics.remaining.set(meter.remaining_seconds());
                                  metrics.done.set(static_cast<double>(progress.bytes_done));
                                  metrics.size.set(static_cast<double>(progress.bytes_total));
                                }));
  fmt::print("{} is in {}\n", models::hub_repository_id(reference), request.folder);
  return {};
}

}  // namespace rage::app
