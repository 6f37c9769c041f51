// Which rule answers, whether this client may have it, and what its filters do.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/detail/admission.h"
#include "gateway/detail/exchange.h"
#include "gateway/detail/forwarded.h"
#include "gateway/detail/mirror.h"
#include "gatewayapi/filters.h"

namespace rage::gateway::detail {
namespace {

constexpr std::size_t kDestinationsMax = 4;

}  // namespace

void Exchange::route() {
  const gatewayapi::RequestHead request{
      .host = host_,
      .method = head_.method,
      .path = path_of(head_.target),
      .query = query_of(head_.target),
      .header = [this](std::string_view name) { return head_.headers.find(name); }};
  const auto match = virtual_host_->routes->match(request);
  const bool models = asks_for_models(match ? &*match : nullptr);
  if (!match && models) return list_models();
  if (!match) {
    return reply(404, model_.empty()
                          ? fmt::format("no HTTPRoute matches {} {} on the host \"{}\"",
                                        head_.method, request.path, host_)
                          : fmt::format("no HTTPRoute of the host \"{}\" matches {} {} for the "
                                        "model \"{}\"; GET /v1/models lists those there are",
                                        host_, head_.method, request.path, model_));
  }
  rule_ = match->rule;
  if (!admit()) return;
  if (models) return list_models();
  if (!apply_rule_filters(match->matched_prefix)) return;
  arm_request_timer();
  forward();
}

bool Exchange::admit() {
  const auto policy = snapshot_->policies.find(rule_->route);
  if (policy == snapshot_->policies.end()) return true;
  const auto refusal = check_admission(policy->second, head_.headers, worker_.loop.now());
  if (refusal) reply(refusal->head, refusal->body);
  return !refusal;
}

// Those of the rule, then those of the backend that was drawn.
bool Exchange::apply_rule_filters(std::string_view matched_prefix) {
  const FilterInput input{.matched_prefix = matched_prefix,
                          .scheme = facts_.secure ? "https" : "http",
                          .listener_port = listener_->port};
  apply_filters(rule_->filters, input, head_, filtered_);
  if (!filtered_.redirect) {
    backend_ = gatewayapi::choose_backend(*rule_, worker_.random_share());
    if (backend_ == nullptr || backend_->kind == gatewayapi::Backend::Kind::kInvalid) {
      reply(500, fmt::format("the HTTPRoute {}/{} names no backend that exists; its status says "
                             "which is missing",
                             rule_->route.name_space, rule_->route.name));
      return false;
    }
    apply_filters(backend_->filters, input, head_, filtered_);
  }
  if (!filtered_.redirect) return true;
  for (const auto* edits : filtered_.response_edits) {
    edit_headers(*edits, filtered_.redirect->headers);
  }
  reply(*filtered_.redirect, "");
  return false;
}

void Exchange::arm_request_timer() {
  const auto limit = rule_->request_timeout.value_or(worker_.options.request_timeout);
  if (limit.count() == 0) return;
  request_timer_ = std::make_unique<net::Timer>(worker_.loop, [this] { on_request_timeout(); });
  request_timer_->expire_at(began_ + limit);
}

void Exchange::forward() {
  const bool to_model = backend_->kind == gatewayapi::Backend::Kind::kInferencePool;
  // A copy for a mirror is worth holding a body only if it is known to fit.
  const bool copied = !filtered_.mirrors.empty() && facts_.body.length_known &&
                      facts_.body.length <= worker_.options.held_body_bytes_max;
  if (!body_done_ && !held() && (to_model || copied)) return hold(Body::kHeldForForwarding);
  send_mirrors();
  to_model ? to_pool() : to_service();
}

void Exchange::to_service() {
  const auto found = snapshot_->services.find({backend_->object, backend_->port});
  if (found == snapshot_->services.end() || found->second.endpoints.empty()) {
    return reply(
        503, fmt::format("no pod behind the service {}/{}:{} is ready", backend_->object.name_space,
                         backend_->object.name, backend_->port));
  }
  const std::vector<net::Address>& endpoints = found->second.endpoints;
  h2c_ = backend_->h2c;
  const std::size_t first = worker_.random() % endpoints.size();
  for (std::size_t i = 0; i < std::min(kDestinationsMax, endpoints.size()); ++i) {
    destinations_.push_back(endpoints[(first + i) % endpoints.size()]);
  }
  if (!held() && !body_done_) body_mode_ = Body::kStreamed;
  attempt(UpstreamPool::Reuse::kAllowed);
}

void Exchange::send_mirrors() {
  if (!body_done_) return;  // Its body will not be here.
  for (const gatewayapi::Mirror* mirror : filtered_.mirrors) {
    if (!gatewayapi::is_mirrored(*mirror, worker_.random_share())) continue;
    const auto found = snapshot_->services.find({mirror->backend.object, mirror->backend.port});
    if (found == snapshot_->services.end() || found->second.endpoints.empty()) continue;
    const auto& endpoints = found->second.endpoints;
    start_mirror(worker_.upstreams, worker_.loop, endpoints[worker_.random() % endpoints.size()],
                 mirror->backend.h2c ? UpstreamProtocol::kHttp2 : UpstreamProtocol::kHttp1, head_,
                 held_);
  }
}

}  // namespace rage::gateway::detail
