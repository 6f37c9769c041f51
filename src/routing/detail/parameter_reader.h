// Reads a JSON object strictly: wrong types and fields that nobody asked for are errors that name
// the place. Quantities and durations as Kubernetes writes them.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::routing::detail {

// "10Gi", "1k", "0.5G", "3e2": a whole number of units, rounded up as Kubernetes does.
std::optional<std::uint64_t> parse_quantity(std::string_view text);
// Go's "1h30m", "250ms", "1.5s"; no sign. Below a millisecond rounds up.
std::optional<std::chrono::milliseconds> parse_go_duration(std::string_view text);

struct NumberLimits {
  double min = 0;
  double max = std::numeric_limits<double>::max();
};

// Value; borrows the JSON. One thread. Readers of nested objects share their findings; absent or
// null fields read as the fallback. Ask for all you know, then finish().
class ParameterReader final {
 public:
  explicit ParameterReader(const codec::Json& object, std::string path);

  bool has(std::string_view key);  // Present and not null.
  std::string text(std::string_view key, std::string_view fallback = "");
  std::string one_of(std::string_view key,
                     std::vector<std::string_view> values);  // First: default.
  bool flag(std::string_view key, bool fallback);
  double number(std::string_view key, double fallback, NumberLimits limits = {});
  std::uint64_t whole(std::string_view key, std::uint64_t fallback, std::uint64_t max = UINT32_MAX);
  std::int64_t integer(std::string_view key, std::int64_t fallback);
  std::vector<std::string> texts(std::string_view key);
  std::optional<std::uint64_t> quantity(std::string_view key);
  std::optional<std::chrono::milliseconds> duration(std::string_view key);
  ParameterReader child(std::string_view key);
  std::vector<ParameterReader> children(std::string_view key);  // Of a list of objects.
  std::vector<std::string> keys();                              // All, known from now on.
  // Any value; null if absent.
  const codec::Json* find(std::string_view key);

  void refuse(std::string_view key,
              std::string_view why);  // "path.key: why"; the first one counts.
  std::string path_of(std::string_view key) const;
  // The first thing that was wrong, here or in any nested reader.
  Result<void> finish() const;

 private:
  struct Node;
  struct Findings;
  ParameterReader(std::shared_ptr<Findings> findings, const codec::Json* object, std::string path);

  std::shared_ptr<Findings> findings_;
  Node* node_;
};

}  // namespace rage::routing::detail
