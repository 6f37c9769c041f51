// Personal data with a grammar of their own: e-mail addresses, telephone numbers, payment cards,
// IPv4 addresses. Numbers that stand side by side are told apart.
#pragma once

#include <string_view>
#include <vector>

#include "guardrails/finder.h"

namespace rage::guardrails {

enum class Sensitive { kEmail, kPhone, kCreditCard, kIpAddress };
inline constexpr Sensitive kAllSensitive[] = {Sensitive::kEmail, Sensitive::kPhone,
                                              Sensitive::kCreditCard, Sensitive::kIpAddress};

std::string_view name_of(Sensitive kind);         // "credit_card"
std::string_view placeholder_of(Sensitive kind);  // "<CREDIT_CARD>"

// The kind of a finding is the number of its Sensitive.
std::vector<Detector> sensitive_detectors(const std::vector<Sensitive>& kinds);

}  // namespace rage::guardrails
