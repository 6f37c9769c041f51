// Which page of a site is read next. Pure, and bounded.
#pragma once

#include <compare>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rage::cli {

struct FrontierPage {
  std::string url;
  int depth = 0;      // Links from the first page to this one.
  int redirects = 0;  // That led here.
  bool operator==(const FrontierPage&) const = default;
};

// Value. Each address comes out once: first those that the index knows already, so that what is
// there is looked after before more is added; of both kinds the nearest first, then in the order in
// which they came.
class Frontier final {
 public:
  enum class Rank { kKnown, kFound };
  enum class Added { kYes, kSeen, kTooDeep, kFull };

  // At most `addresses_max` are ever taken.
  Frontier(int depth_max, std::size_t addresses_max)
      : depth_max_(depth_max), addresses_max_(addresses_max) {}

  // kSeen: it was here before; if it still waits, it now has the smaller depth of both. One that is
  // too deep may come again on a shorter way.
  Added add(const FrontierPage& page, Rank rank);
  // It will not come out any more, whoever adds it.
  void settle(std::string_view url);
  std::optional<FrontierPage> next();

  bool has_seen(std::string_view url) const { return seen_.find(url) != seen_.end(); }
  std::size_t waiting() const { return waiting_.size(); }
  // What has not come out, in order.
  std::vector<std::string> left() const;

 private:
  struct Turn {
    Rank rank = Rank::kFound;
    int depth = 0;
    std::size_t sequence = 0;
    auto operator<=>(const Turn&) const = default;
  };

  const int depth_max_;
  const std::size_t addresses_max_;
  std::map<Turn, FrontierPage> waiting_;
  std::map<std::string, std::optional<Turn>, std::less<>> seen_;  // None: it has come out.
};

}  // namespace rage::cli
