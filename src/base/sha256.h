// SHA-256 (FIPS 180-4) over OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace rage {

using Sha256Digest = std::array<std::uint8_t, 32>;

// Resource. One thread. update() any number of times, then one finish().
class Sha256 final {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  Sha256Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string to_hex(std::span<const std::uint8_t> bytes);  // Lower case.
// 64 lowercase hex digits.
std::string sha256_hex(std::string_view bytes);

}  // namespace rage
