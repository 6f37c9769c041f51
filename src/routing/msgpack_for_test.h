// Writes MessagePack, as engines do, for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rage::routing::msgpack {

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}
inline std::string number(std::uint64_t value) {
  return '\xCF' + big_endian(value, 8);
}
inline std::string nil() {
  return "\xC0";
}
inline std::string text(std::string_view value) {
  return '\xDA' + big_endian(value.size(), 2) + std::string(value);
}
inline std::string bytes(std::string_view value) {
  return '\xC5' + big_endian(value.size(), 2) + std::string(value);
}
inline std::string list(const std::vector<std::string>& values) {
  std::string out = '\xDD' + big_endian(values.size(), 4);
  for (const std::string& value : values) out += value;
  return out;
}
// Names and values in turn.
inline std::string map(const std::vector<std::string>& members) {
  std::string out = '\xDF' + big_endian(members.size() / 2, 4);
  for (const std::string& member : members) out += member;
  return out;
}
inline std::string numbers(const std::vector<std::uint64_t>& values) {
  std::vector<std::string> out;
  for (const std::uint64_t value : values) out.push_back(number(value));
  return list(out);
}
inline std::string batch(const std::vector<std::string>& events) {
  return list({'\xCB' + big_endian(0, 8), list(events), nil()});
}

}  // namespace rage::routing::msgpack
