// Asking model servers which models they have: GET /v1/models at one endpoint of each pool.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "codec/json.h"
#include "gateway/detail/upstream_pool.h"
#include "gatewayapi/route_table.h"
#include "net/event_loop.h"

namespace rage::gateway::detail {

struct ModelsQuestion {
  gatewayapi::ObjectName pool;
  net::Address endpoint;
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
};

// By pool: the entries of "data". A pool that did not answer is missing.
using ModelsByPool = std::map<gatewayapi::ObjectName, std::vector<codec::Json>>;

// Resource. The loop's thread only. `done` is called once, never from within the constructor, and
// not after the destructor; it may destroy this.
class ModelsQuery final {
 public:
  ModelsQuery(net::EventLoop& loop, UpstreamPool& upstreams,
              const std::vector<ModelsQuestion>& questions, std::function<void(ModelsByPool)> done);
  ~ModelsQuery();
  ModelsQuery(const ModelsQuery&) = delete;
  ModelsQuery& operator=(const ModelsQuery&) = delete;

 private:
  class Asked;
  void on_answer(const Asked& asked, std::optional<std::string> body);
  void tell();

  const std::function<void(ModelsByPool)> done_;
  std::vector<std::unique_ptr<Asked>> asked_;
  std::size_t waiting_ = 0;
  ModelsByPool found_;
  net::Timer timer_;
};

}  // namespace rage::gateway::detail
