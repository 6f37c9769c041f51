// GET /v1/models: what this host can route, out of all its pools, instead of what one pod happens
// to have.
#include <algorithm>
#include <set>
#include <utility>

#include "codec/json.h"
#include "gateway/detail/exchange.h"
#include "gateway/detail/forwarded.h"

namespace rage::gateway::detail {
namespace {

constexpr std::chrono::seconds kModelsFresh{5};
constexpr std::string_view kAnyApi[] = {"/v1/chat/completions", "/v1/completions",
                                        "/v1/embeddings"};

}  // namespace

bool Exchange::asks_for_models(const gatewayapi::Match* match) const {
  if (head_.method != "GET" && head_.method != "HEAD") return false;
  if (virtual_host_->pools.empty() || path_of(head_.target) != "/v1/models") return false;
  // A route to a service is an answer of its own.
  return match == nullptr ||
         std::ranges::any_of(match->rule->backends, [](const gatewayapi::Backend& backend) {
           return backend.kind == gatewayapi::Backend::Kind::kInferencePool;
         });
}

void Exchange::list_models() {
  std::vector<ModelsQuestion> questions;
  for (const gatewayapi::ObjectName& name : virtual_host_->pools) {
    const auto known = worker_.models.find(name);
    if (known != worker_.models.end() && known->second.until > worker_.loop.now()) continue;
    const auto pool = snapshot_->pools.find(name);
    if (pool == snapshot_->pools.end() || pool->second.endpoints.empty()) continue;
    const auto& endpoints = pool->second.endpoints;
    questions.push_back(
        {.pool = name,
         .endpoint = endpoints[worker_.random() % endpoints.size()],
         .protocol = pool->second.h2c ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1});
  }
  if (questions.empty()) return on_models({});
  models_query_ =
      std::make_unique<ModelsQuery>(worker_.loop, worker_.upstreams, questions,
                                    [this](ModelsByPool found) { on_models(std::move(found)); });
}

void Exchange::on_models(ModelsByPool found) {
  for (auto& [pool, models] : found) {
    worker_.models[pool] = {.models = std::move(models),
                            .until = worker_.loop.now() + kModelsFresh};
  }
  codec::Json data = codec::Json::array();
  std::set<std::string> listed;
  bool answered = false;
  for (const gatewayapi::ObjectName& pool : virtual_host_->pools) {
    const auto known = worker_.models.find(pool);
    if (known == worker_.models.end() || known->second.until <= worker_.loop.now()) continue;
    answered = true;
    for (const codec::Json& model : known->second.models) {
      const std::string id = codec::string_or(model, "id", "");
      if (routes_model_to(id, pool) && listed.insert(id).second) data.push_back(model);
    }
  }
  if (!answered) return reply(503, "no model server of this host answers at the moment");
  ResponseHead head;
  head.headers.add("content-type", "application/json");
  reply(head, codec::render_json({{"object", "list"}, {"data", std::move(data)}}));
}

// Other hosts' models are not told.
bool Exchange::routes_model_to(std::string_view model, const gatewayapi::ObjectName& pool) const {
  return std::ranges::any_of(kAnyApi, [&](std::string_view path) {
    const gatewayapi::RequestHead request{
        .host = host_,
        .method = "POST",
        .path = path,
        .query = {},
        .header = [&](std::string_view name) -> std::optional<std::string_view> {
          if (name == "x-gateway-model-name") return model;
          return head_.headers.find(name);
        }};
    const auto match = virtual_host_->routes->match(request);
    return match && std::ranges::any_of(match->rule->backends, [&](const auto& backend) {
             return backend.kind == gatewayapi::Backend::Kind::kInferencePool &&
                    backend.object == pool;
           });
  });
}

}  // namespace rage::gateway::detail
