// The parts of one line of a metrics page (Prometheus text format 0.0.4), without allocation.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "routing/series_selector.h"

namespace rage::routing::detail {

bool is_blank(char c);
std::string_view without_leading_blanks(std::string_view text);

// A name and its value as it stands, escapes included.
using Label = std::pair<std::string_view, std::string_view>;

// Value. The labels of one sample; views into the line.
class Labels final {
 public:
  // Reads `{...}` and removes it from `text`. False if it is malformed or has more than 64.
  bool read(std::string_view& text);
  std::span<const Label> all() const { return {labels_.data(), count_}; }
  // Null if absent.
  const std::string_view* find(std::string_view name) const;
  bool has_all(const SeriesSelector& series) const;

 private:
  static constexpr std::size_t kLabelsMax = 64;
  std::array<Label, kLabelsMax> labels_;
  std::size_t count_ = 0;
};

void append_unescaped(std::string_view raw, std::string& out);

// The first word; a timestamp and an exemplar may follow. Finite numbers only.
std::optional<double> read_value(std::string_view text);

}  // namespace rage::routing::detail
