// What body-based routing does: which fields of a body become which headers.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "codec/json.h"

namespace rage::extproc {

// Value. Which base model an adapter (LoRA) belongs to.
struct AdapterMap {
  std::map<std::string, std::string, std::less<>> base_of;  // Adapter or base model -> base model.
  // Empty: unknown.
  std::string_view find_base(std::string_view model) const;
};

// {"baseModel": "b", "adapters": [...] or the YAML text of a list, as in a ConfigMap's data}. Every
// base model is its own base. kInvalidArgument on other types; the first base of an adapter stays.
Result<void> add_adapters(const codec::Json& entry, AdapterMap& map);
// YAML or JSON: one such entry, or a list of them.
Result<AdapterMap> parse_adapter_map(std::string_view text);

// Thread-safe. The map of the moment; streams take a snapshot.
class AdapterMaps final {
 public:
  AdapterMaps() : current_(std::make_shared<const AdapterMap>()) {}
  std::shared_ptr<const AdapterMap> snapshot() const {
    return current_.with([](const auto& current) { return current; });
  }
  void publish(AdapterMap next) {
    auto fresh = std::make_shared<const AdapterMap>(std::move(next));
    current_.with([&](auto& current) { current.swap(fresh); });
  }

 private:
  Guarded<std::shared_ptr<const AdapterMap>> current_;
};

struct HeaderRule {
  enum class Type { kBodyFieldToHeader, kBaseModelToHeader };
  Type type = Type::kBodyFieldToHeader;
  std::string name;  // Of the plugin, for its metrics.
  std::string field = "model";
  std::string header = "x-gateway-model-name";  // In lower case.
  bool operator==(const HeaderRule&) const = default;
};

// "TYPE:NAME" or "TYPE:NAME:{JSON}", the value of one --plugin flag.
// body-field-to-header takes {"fieldName", "headerName"}; base-model-to-header takes nothing.
// kInvalidArgument says what is wrong.
Result<HeaderRule> parse_plugin(std::string_view text);
// body-field-to-header with "model" and X-Gateway-Model-Name.
std::vector<HeaderRule> default_rules();

struct BbrConfig {
  std::vector<HeaderRule> rules = default_rules();
  std::size_t body_bytes_max = std::size_t{64} << 20;     // Past that: 413.
  std::size_t header_bytes_max = std::size_t{256} << 10;  // Past that: 431.
  // Between two pieces of a body that is waited for; past that: 408.
  std::chrono::milliseconds body_timeout{60'000};
};

}  // namespace rage::extproc
