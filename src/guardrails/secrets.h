// Secrets: tokens and keys whose shape their issuers publish, values given to names like
// "password", and quoted strings too random to be words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guardrails/finder.h"

namespace rage::guardrails {

enum class SecretStyle { kAll, kPartial, kHash };

std::vector<Detector> secret_detectors();

// kAll: `******`. kPartial: the first two and the last two characters. kHash: MD5, in hex.
std::string mask_secret(SecretStyle style, std::string_view secret);

// Shannon's entropy of the bytes, in bits a byte.
double entropy(std::string_view text);

}  // namespace rage::guardrails
