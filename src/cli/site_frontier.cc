#include "cli/site_frontier.h"

#include <utility>

namespace rage::cli {

Frontier::Added Frontier::add(const FrontierPage& page, Rank rank) {
  if (page.depth > depth_max_) return has_seen(page.url) ? Added::kSeen : Added::kTooDeep;
  const auto found = seen_.find(page.url);
  if (found == seen_.end()) {
    if (seen_.size() >= addresses_max_) return Added::kFull;
    const Turn turn{.rank = rank, .depth = page.depth, .sequence = seen_.size()};
    seen_.emplace(page.url, turn);
    waiting_.emplace(turn, page);
    return Added::kYes;
  }
  if (found->second && page.depth < found->second->depth) {
    auto node = waiting_.extract(*found->second);
    node.key().depth = page.depth;
    node.mapped().depth = page.depth;
    found->second = node.key();
    waiting_.insert(std::move(node));
  }
  return Added::kSeen;
}

void Frontier::settle(std::string_view url) {
  const auto [found, added] = seen_.try_emplace(std::string(url));
  if (!added && found->second) waiting_.erase(*found->second);
  found->second.reset();
}

std::optional<FrontierPage> Frontier::next() {
  if (waiting_.empty()) return std::nullopt;
  FrontierPage page = std::move(waiting_.extract(waiting_.begin()).mapped());
  seen_.find(page.url)->second.reset();
  return page;
}

std::vector<std::string> Frontier::left() const {
  std::vector<std::string> urls;
  for (const auto& [turn, page] : waiting_) urls.push_back(page.url);
  return urls;
}

}  // namespace rage::cli
