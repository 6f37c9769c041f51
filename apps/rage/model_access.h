// What every command needs that turns a reference into files: cache, hub client, resolver.
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "models/cache.h"
#include "models/hub_client.h"
#include "models/resolver.h"
#include "net/http_client.h"

namespace rage::app {

// Resource. Thread-safe.
class ModelAccess final {
 public:
  ModelAccess()
      : transport_(net::make_http_transport()),
        cache_(models::default_model_cache_root(),
               models::default_packaged_folder(models::default_model_cache_root())),
        hub_(*transport_, clock_, models::hub_options_from_environment()),
        resolver_(cache_, hub_, clock_) {}

  Result<models::ModelFiles> resolve(const Context& context, const std::string& reference,
                                     const models::ProgressCallback& progress = {}) {
    ASSIGN_OR_RETURN(const auto parsed, models::parse_model_reference(reference));
    return resolver_.resolve(context, parsed, progress);
  }
  models::HubClient& hub() { return hub_; }
  net::HttpTransport& transport() { return *transport_; }
  Clock& clock() { return clock_; }
  const models::ModelCache& cache() const { return cache_; }

 private:
  SystemClock clock_;
  std::unique_ptr<net::HttpTransport> transport_;
  models::ModelCache cache_;
  models::HubClient hub_;
  models::ModelResolver resolver_;
};

}  // namespace rage::app
