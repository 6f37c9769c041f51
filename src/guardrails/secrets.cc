#include "guardrails/secrets.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/check.h"
#include "base/strings.h"
#include "guardrails/secret_patterns.h"
#include "text/unicode.h"

namespace rage::guardrails {
namespace {

constexpr double kBase64EntropyMin = 4.5;
constexpr double kHexEntropyMin = 3.0;
constexpr std::string_view kHexDigits = "0123456789abcdefABCDEF";

// A value of hex digits is random at 3 bits a character, any other at 4.5; digits alone are a
// number.
bool is_random(std::string_view value) {
  if (value.find_first_not_of("0123456789") == std::string_view::npos) return false;
  const bool hex = value.find_first_not_of(kHexDigits) == std::string_view::npos;
  return entropy(value) > (hex ? kHexEntropyMin : kBase64EntropyMin);
}

// What stands where a secret would, but is none: a placeholder, a variable, one character again
// and again.
bool is_placeholder(std::string_view value) {
  const std::string lower = to_lower_ascii(value);
  for (const std::string_view sign :
       {"${", "{{", "<", "your", "example", "changeme", "placeholder", "redacted", "xxxx", "...",
        "none", "null", "process.env", "os.environ", "getenv"}) {
    if (lower.find(sign) != std::string::npos) return true;
  }
  return std::ranges::all_of(value, [&](char c) { return c == value[0]; });
}

}  // namespace

double entropy(std::string_view text) {
  std::array<std::size_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<std::uint8_t>(c)];
  double bits = 0;
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

std::string mask_secret(SecretStyle style, std::string_view secret) {
  if (style == SecretStyle::kPartial) {
    const std::size_t characters = text::count_code_points(secret);
    if (characters <= 4) return "******";
    const std::string_view head = text::take_code_points(secret, 2);
    const std::string_view most = text::take_code_points(secret, characters - 2);
    return std::string(head) + ".." + std::string(secret.substr(most.size()));
  }
  if (style == SecretStyle::kAll) return "******";
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(secret.data(), secret.size(), digest.data(), &size, EVP_md5(), nullptr) == 1);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::vector<Detector> secret_detectors() {
  std::vector<Detector> detectors;
  for (const SecretPattern& each : kSecretPatterns) {
    Detector detector{.pattern = std::string(each.pattern)};
    if (each.shape != SecretShape::kWhole) detector.value = Detector::Value::kFirstGroup;
    if (each.shape == SecretShape::kAssigned) {
      detector.refine = [](const Candidate& candidate, std::vector<Finding>& found) {
        const Finding& value = candidate.value;
        if (!is_placeholder(candidate.text.substr(value.begin, value.end - value.begin))) {
          found.push_back(value);
        }
      };
    } else if (each.shape == SecretShape::kRandom) {
      detector.refine = [](const Candidate& candidate, std::vector<Finding>& found) {
        const Finding& value = candidate.value;
        if (is_random(candidate.text.substr(value.begin, value.end - value.begin))) {
          found.push_back(value);
        }
      };
      // The quote that ends one string may begin the next.
      detector.rejected = Detector::Rejected::kLookInside;
    }
    detectors.push_back(std::move(detector));
  }
  return detectors;
}

}  // namespace rage::guardrails
