#include "rag/amount.h"

#include <gtest/gtest.h>

namespace rage::rag {
namespace {

// "under 1 kg" must find what is listed with 900 g.
TEST(Amount, UnitsOfOneKindAreComparable) {
  EXPECT_EQ(parse_amount("1.5 kg"), parse_amount("1500 g"));
  EXPECT_EQ(parse_amount("2 years"), parse_amount("24 months"));
  EXPECT_EQ(parse_amount("€ 1,200"), (Amount{1200, "eur"}));
  EXPECT_EQ(parse_amount("1200 EUR"), (Amount{1200, "eur"}));
  EXPECT_EQ(parse_amount("24.50"), (Amount{24.5, ""}));
  EXPECT_EQ(parse_amount("85 seats"), (Amount{85, "seats"}));
  EXPECT_TRUE(comparable("g", ""));
  EXPECT_FALSE(comparable("g", "eur"));
}

// A version or a range read as a number would be compared as one.
TEST(Amount, OtherValuesAreNone) {
  for (const char* value : {"", "1.2.3", "Ballroom A", "10-20", "5 years or more", "x 5 g", "5 g.",
                            "03/05/2026", "OR-608", "12:30"}) {
    EXPECT_FALSE(parse_amount(value)) << value;
  }
}

}  // namespace
}  // namespace rage::rag
