// Header fields of one message, names in lower case, in two allocations however many they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rage::gateway::detail {

// Value. Order and duplicates are kept. Views live until the next change.
class HeaderBlock final {
 public:
  // Room for a head of so many bytes.
  void reserve(std::size_t bytes, std::size_t fields);
  // Neither may be a view of this block.
  void add(std::string_view name, std::string_view value);
  // Replaces all of that name. `name` in lower case, as everywhere below.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  template <class Predicate>
  void remove_if(Predicate&& unwanted) {
    std::erase_if(fields_, [&](const Field& field) { return unwanted(name_of(field)); });
  }

  // The first of that name; none if absent.
  std::optional<std::string_view> find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name).has_value(); }

  std::size_t size() const { return fields_.size(); }
  std::string_view name(std::size_t i) const { return name_of(fields_[i]); }
  std::string_view value(std::size_t i) const { return value_of(fields_[i]); }

 private:
  struct Field {
    std::uint32_t at = 0;  // In text_: the name, then the value.
    std::uint32_t name_size = 0;
    std::uint32_t value_size = 0;
  };
  std::string_view name_of(const Field& field) const {
    return std::string_view(text_).substr(field.at, field.name_size);
  }
  std::string_view value_of(const Field& field) const {
    return std::string_view(text_).substr(field.at + field.name_size, field.value_size);
  }

  std::string text_;
  std::vector<Field> fields_;
};

}  // namespace rage::gateway::detail
