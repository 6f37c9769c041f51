#include "gatewayapi/route_table.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>

#include "gatewayapi/detail/host_index.h"
#include "gatewayapi/hostnames.h"

namespace rage::gatewayapi {
namespace {

class HostTable final : public RouteTable {
 public:
  HostTable(std::span<const RoutedRoute> routes, std::string_view listener_hostname)
      : listener_hostname_(listener_hostname) {
    std::vector<std::size_t> order(routes.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t i) {
      const RoutedRoute& route = routes[i];
      constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
      return std::make_tuple(route.created_at.value_or(kNever),
                             std::string_view(route.name.name_space),
                             std::string_view(route.name.name));
    });
    for (std::uint32_t i = 0; i < order.size(); ++i) add_route(routes[order[i]], i);
    for (auto& [hostname, index] : exact_) index.seal();
    for (auto& [suffix, index] : wildcards_) index.seal();
    any_.seal();
  }

  std::optional<Match> match(const RequestHead& request) const override {
    if (!matches_hostname(listener_hostname_, request.host)) return std::nullopt;
    if (const auto at = exact_.find(request.host); at != exact_.end()) {
      if (std::optional<Match> found = at->second.find(request)) return found;
    }
    if (!wildcards_.empty()) {
      if (std::optional<Match> found = match_wildcard(request)) return found;
    }
    return any_.find(request);
  }

 private:
  void add_route(const RoutedRoute& route, std::uint32_t order) {
    kept_.push_back(route.rules);
    std::uint32_t position = 0;
    for (const RoutedRule& rule : *route.rules) {
      for (const RouteMatch& match : rule.matches) {
        const detail::Candidate candidate{
            .rule = rule.rule.get(), .match = &match, .route = order, .position = position++};
        if (route.hostnames.empty()) any_.add(candidate);
        for (const std::string& hostname : route.hostnames) index_of(hostname).add(candidate);
      }
    }
  }

  detail::HostIndex& index_of(const std::string& hostname) {
    if (hostname.empty()) return any_;
    return is_wildcard(hostname) ? wildcards_[hostname.substr(1)] : exact_[hostname];
  }

  // From the longest suffix to the shortest.
  std::optional<Match> match_wildcard(const RequestHead& request) const {
    for (std::size_t dot = request.host.find('.', 1); dot != std::string_view::npos;
         dot = request.host.find('.', dot + 1)) {
      const auto at = wildcards_.find(request.host.substr(dot));
      if (at == wildcards_.end()) continue;
      if (std::optional<Match> found = at->second.find(request)) return found;
    }
    return std::nullopt;
  }

  const std::string listener_hostname_;
  std::vector<std::shared_ptr<const std::vector<RoutedRule>>> kept_;  // Candidates borrow from it.
  detail::TextMap<detail::HostIndex> exact_;
  detail::TextMap<detail::HostIndex> wildcards_;  // By suffix, ".example.com".
  detail::HostIndex any_;
};

}  // namespace

std::shared_ptr<const RouteTable> build_route_table(std::span<const RoutedRoute> routes,
                                                    std::string_view listener_hostname) {
  return std::make_shared<const HostTable>(routes, listener_hostname);
}

const Backend* choose_backend(const Rule& rule, double random) {
  const double total =
      std::accumulate(rule.backends.begin(), rule.backends.end(), 0.0,
                      [](double sum, const Backend& backend) { return sum + backend.weight; });
  double rest = random * total;
  const Backend* last = nullptr;
  for (const Backend& backend : rule.backends) {
    if (backend.weight == 0) continue;
    if (rest < backend.weight) return &backend;
    rest -= backend.weight;
    last = &backend;
  }
  return last;  // Rounding at the upper end; null if nothing has a weight.
}

}  // namespace rage::gatewayapi
