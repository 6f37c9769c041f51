#include <algorithm>
#include <numeric>
#include <tuple>

#include "operator/detail/replica_plan.h"

namespace rage::op::detail {

std::vector<std::size_t> choose_scale_down(const std::vector<Replica>& live, int desired,
                                           int surplus, int surge) {
  const auto is_old = [](const Replica& replica) { return replica.old() || replica.old_image; };
  int old = static_cast<int>(std::ranges::count_if(live, is_old));
  int ready = static_cast<int>(std::ranges::count_if(live, &Replica::ready));
  const bool surged = surplus <= surge;
  const bool image_surge = surge > 0 && std::ranges::any_of(live, &Replica::old_image);
  // A failing replica may go first, unless it is the one that is to replace an old image: it would
  // be made again at once.
  const auto is_useless = [&](const Replica& replica) {
    return !replica.failure.empty() && !image_surge;
  };
  std::vector<std::size_t> order(live.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) {
    const Replica& replica = live[i];
    return std::tuple(!is_useless(replica), !is_old(replica), replica.ready, live.size() - i);
  });
  std::vector<std::size_t> chosen;
  for (const std::size_t i : order) {
    const int left = surplus - static_cast<int>(chosen.size());
    if (left <= 0) break;
    if (live[i].ready && ready - 1 < desired) continue;
    if (surged && left <= old && !is_old(live[i]) && !is_useless(live[i])) continue;
    chosen.push_back(i);
    if (live[i].ready) --ready;
    if (is_old(live[i])) --old;
  }
  return chosen;
}

}  // namespace rage::op::detail
