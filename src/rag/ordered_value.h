// Values of metadata that have an order: numbers (perhaps with a unit), moments, times of day,
// text. Pure.
#pragma once

#include <compare>
#include <optional>
#include <string>

#include "codec/json.h"

namespace rage::rag {

enum class OrderedKind { kNumber, kMoment, kTimeOfDay, kText };

// Value. kNumber: `number` of `text` as its unit (amount.h), which may be empty. kMoment: seconds
// since 1970 in UTC; a date is its midnight, and without a zone UTC is meant. kTimeOfDay: minutes.
struct OrderedValue {
  OrderedKind kind = OrderedKind::kText;
  double number = 0;
  std::string text;
};

// What a value is best compared as: 5, "5", "62 g" and "€ 45" as numbers; "2026-03-05",
// "03/05/2026", "March 5, 2026", "2026-03-05T10:00:00-08:00" as moments; "14:30", "2 PM" as times;
// other strings as text. None of what has no order (booleans, null, lists, maps).
std::optional<OrderedValue> ordered_value(const codec::Json& value);
// The same value read as one kind; none if it is not of it.
std::optional<OrderedValue> ordered_value(const codec::Json& value, OrderedKind kind);

// Unordered unless both are of one kind, and numbers of comparable units.
std::partial_ordering compare(const OrderedValue& left, const OrderedValue& right);

}  // namespace rage::rag
