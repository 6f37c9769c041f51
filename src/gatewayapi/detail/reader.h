// Reads typed fields of a JSON object within the API's limits. What is wrong becomes a Problem that
// names the field; what is absent, null or wrong reads as absent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gatewayapi/objects.h"

namespace rage::gatewayapi::detail {

// What the API allows.
inline constexpr std::size_t kNameBytesMax = 253;
inline constexpr std::size_t kKindBytesMax = 63;

// Value; borrows the JSON and the problems. One thread.
class Reader final {
 public:
  // `object` may be null: nothing is there.
  Reader(const Json* object, std::string path, Problems* problems);

  bool exists() const { return object_ != nullptr; }
  const std::string& path() const { return path_; }
  const Json* object() const { return object_; }
  Reader reporting_to(Problems* problems) const { return Reader(object_, path_, problems); }
  Reader child(std::string_view key) const;
  // Of a list of objects; those past `count_max` are refused and left out.
  std::vector<Reader> items(std::string_view key, std::size_t count_max) const;

  std::string text(std::string_view key, std::size_t bytes_max,
                   std::string_view fallback = "") const;
  std::string required_text(std::string_view key, std::size_t bytes_max) const;
  std::optional<std::string> optional_text(std::string_view key, std::size_t bytes_max) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min,
                                      std::int64_t max) const;
  std::optional<std::uint16_t> port(std::string_view key) const;
  std::optional<bool> flag(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key, std::size_t count_max) const;
  Labels labels(std::string_view key) const;
  const Json* find(std::string_view key) const;  // Null if absent or null.

  // "spec.rules[0].name: why". An empty key names the object itself.
  void refuse(std::string_view key, std::string_view why,
              std::string_view reason = "UnsupportedValue") const;

 private:
  std::string path_of(std::string_view key) const;

  const Json* object_;
  std::string path_;
  Problems* problems_;
};

// "": core; fills in the namespace. Of a reference to an object.
ObjectReference read_reference(const Reader& fields, std::string_view default_group,
                               std::string_view default_kind, std::string_view name_space);
LabelSelector read_selector(const Reader& fields);

bool is_header_name(std::string_view text);   // RFC 9110 token.
bool is_header_value(std::string_view text);  // No control characters but tab.
bool is_section_name(std::string_view text);  // RFC 1123 subdomain.

}  // namespace rage::gatewayapi::detail
