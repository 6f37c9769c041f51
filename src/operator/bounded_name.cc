#include <cstdint>

#include "base/sha256.h"
#include "operator/detail/bounded_name.h"

namespace rage::op::detail {
namespace {

constexpr std::size_t kLabelBytesMax = 63;
constexpr std::size_t kHashLetters = 5;
// Kubernetes' own: no vowels, so no words.
constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";

}  // namespace

std::string short_hash(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  const Sha256Digest digest = hash.finish();
  std::string letters;
  for (std::size_t i = 0; i < kHashLetters; ++i) {
    const unsigned pair = digest[2 * i] * 256U + digest[2 * i + 1];
    letters += kLetters[pair % kLetters.size()];
  }
  return letters;
}

std::string bounded_name(std::string_view prefix, std::string_view suffix) {
  std::string name = std::string(prefix) + std::string(suffix);
  if (name.size() <= kLabelBytesMax) return name;
  const std::size_t kept = kLabelBytesMax - suffix.size() - kHashLetters - 1;
  std::string_view cut = prefix.substr(0, kept);
  while (cut.ends_with('-') || cut.ends_with('.')) cut.remove_suffix(1);
  return std::string(cut) + "-" + short_hash(prefix) + std::string(suffix);
}

}  // namespace rage::op::detail
