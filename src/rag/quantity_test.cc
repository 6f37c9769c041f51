#include "rag/quantity.h"

#include <gtest/gtest.h>

namespace rage::rag {
namespace {

// "under 1 kg" must find what is listed with 900 g.
TEST(Quantity, UnitsOfOneKindAreComparable) {
  EXPECT_EQ(parse_quantity("1.5 kg"), parse_quantity("1500 g"));
  EXPECT_EQ(parse_quantity("2 years"), parse_quantity("24 months"));
  EXPECT_EQ(parse_quantity("€ 1,200"), (Quantity{1200, "eur"}));
  EXPECT_EQ(parse_quantity("1200 EUR"), (Quantity{1200, "eur"}));
  EXPECT_EQ(parse_quantity("24.50"), (Quantity{24.5, ""}));
  EXPECT_EQ(parse_quantity("85 seats"), (Quantity{85, "seats"}));
  EXPECT_TRUE(comparable("g", ""));
  EXPECT_FALSE(comparable("g", "eur"));
}

// A version or a range read as a number would be compared as one.
TEST(Quantity, OtherValuesAreNone) {
  for (const char* value : {"", "1.2.3", "Ballroom A", "10-20", "5 years or more", "x 5 g", "5 g.",
                            "03/05/2026", "OR-608", "12:30"}) {
    EXPECT_FALSE(parse_quantity(value)) << value;
  }
}

}  // namespace
}  // namespace rage::rag
