#include "gateway/detail/header_block.h"

#include <algorithm>

namespace rage::gateway::detail {

void HeaderBlock::reserve(std::size_t bytes, std::size_t fields) {
  text_.reserve(bytes);
  fields_.reserve(fields);
}

void HeaderBlock::add(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  text_.append(name);
  text_.append(value);
  std::for_each(text_.begin() + static_cast<std::ptrdiff_t>(at),
                text_.begin() + static_cast<std::ptrdiff_t>(at + name.size()), [](char& c) {
                  if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
                });
  fields_.push_back({.at = static_cast<std::uint32_t>(at),
                     .name_size = static_cast<std::uint32_t>(name.size()),
                     .value_size = static_cast<std::uint32_t>(value.size())});
}

void HeaderBlock::set(std::string_view name, std::string_view value) {
  remove(name);  // The text of what is removed stays, so views into it do too.
  add(name, value);
}

void HeaderBlock::remove(std::string_view name) {
  remove_if([&](std::string_view other) { return other == name; });
}

std::optional<std::string_view> HeaderBlock::find(std::string_view name) const {
  for (const Field& field : fields_) {
    if (name_of(field) == name) return value_of(field);
  }
  return std::nullopt;
}

}  // namespace rage::gateway::detail
