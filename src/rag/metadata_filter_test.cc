#include "rag/metadata_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "codec/json_for_test.h"

namespace rage::rag {
namespace {

using codec::Json;
using codec::json_of;
using testing::HasSubstr;

bool matches(std::string_view filter, std::string_view metadata) {
  const auto parsed = MetadataFilter::parse(json_of(filter));
  EXPECT_TRUE(parsed) << filter << ": " << parsed.error().message;
  return parsed && parsed->matches(json_of(metadata));
}

struct Case {
  const char* filter;
  const char* metadata;
  bool expected;
};

// What KAITO's clients send today must keep its meaning.
TEST(MetadataFilter, EqualityIsTheOriginals) {
  const Case cases[] = {
      {R"({})", R"({"a":1})", true},
      {R"({"a":1})", R"({"a":1.0})", true},
      {R"({"a":1})", R"({"a":true})", true},
      {R"({"a":1})", R"({"a":"1"})", false},
      {R"({"a":1,"b":2})", R"({"a":1,"b":3})", false},
      {R"({"a":null})", R"({"b":1})", true},
      {R"({"a":null})", R"({"a":1})", false},
      {R"({"a":["x",1]})", R"({"a":["x",1.0]})", true},
      {R"({"a":{}})", R"({"a":{}})", true},
      {R"({"a":{"b":1}})", R"({"a":{"b":1}})", true},
      {R"({"":1})", R"({"":1})", true},
  };
  for (const Case& c : cases) EXPECT_EQ(matches(c.filter, c.metadata), c.expected) << c.filter;
}

TEST(MetadataFilter, Operators) {
  const Case cases[] = {
      {R"({"a":{"$eq":1}})", R"({"a":1})", true},
      {R"({"a":{"$ne":1}})", R"({"a":1})", false},
      {R"({"a":{"$ne":1}})", R"({})", true},
      {R"({"a":{"$in":[1,"x"]}})", R"({"a":"x"})", true},
      {R"({"a":{"$in":[]}})", R"({"a":"x"})", false},
      {R"({"a":{"$in":[null]}})", R"({})", true},
      {R"({"a":{"$nin":[1,2]}})", R"({"a":3})", true},
      {R"({"a":{"$nin":[1,2]}})", R"({"a":2})", false},
      {R"({"a":{"$exists":true}})", R"({"a":null})", true},
      {R"({"a":{"$exists":false}})", R"({"a":null})", false},
      {R"({"a":{"$contains":"ern"}})", R"({"a":"Kernel"})", true},
      {R"({"a":{"$contains":"x"}})", R"({"a":["y","x"]})", true},
      {R"({"a":{"$contains":"x"}})", R"({"a":5})", false},
      {R"({"a":{"$gte":1,"$lt":3}})", R"({"a":3})", false},
      {R"({"a":{"$gte":1,"$lt":3}})", R"({"a":1})", true},
      {R"({"a":{"$not":{"$gt":5}}})", R"({"a":6})", false},
      {R"({"a":{"$not":{"$gt":5}}})", R"({})", true},
  };
  for (const Case& c : cases) EXPECT_EQ(matches(c.filter, c.metadata), c.expected) << c.filter;
}

// "03/07/2026" is before "2026-03-10", though as text it is not; "9:00" is before "10:00".
TEST(MetadataFilter, OrderIsThatOfNumbersDatesAndTimes) {
  const Case cases[] = {
      {R"({"d":{"$lt":"2026-03-10"}})", R"({"d":"03/07/2026"})", true},
      {R"({"d":{"$gt":"2025-12-31"}})", R"({"d":"March 7, 2026"})", true},
      {R"({"d":{"$gte":"2026-03-07T10:00:30Z"}})", R"({"d":"2026-03-07T02:00:31-08:00"})", true},
      {R"({"d":{"$gte":"2026-03-07T10:00:30Z"}})", R"({"d":"2026-03-07T02:00:29-08:00"})", false},
      {R"({"d":{"$lte":"2026-03-07"}})", R"({"d":"2026-03-07T00:00:01"})", false},
      {R"({"d":{"$lt":"2026-02-30"}})", R"({"d":"2026-01-01"})", true},  // No date: text.
      {R"({"t":{"$gt":"9:00"}})", R"({"t":"10:00"})", true},
      {R"({"t":{"$lt":"2 PM"}})", R"({"t":"13:59"})", true},
      {R"({"n":{"$lt":10}})", R"({"n":"9.5"})", true},
      {R"({"n":{"$lt":10}})", R"({"n":-3})", true},
      {R"({"n":{"$lt":"1 kg"}})", R"({"n":"900 g"})", true},
      {R"({"n":{"$lt":100}})", R"({"n":"€ 45"})", true},
      {R"({"n":{"$lt":"5 km"}})", R"({"n":"3 kg"})", false},
      {R"({"n":{"$lt":10}})", R"({"n":"many"})", false},
      {R"({"n":{"$lt":10}})", R"({"n":true})", false},
      {R"({"s":{"$gte":"beta"}})", R"({"s":"gamma"})", true},
      {R"({"s":{"$gte":"beta"}})", R"({"s":7})", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(matches(c.filter, c.metadata), c.expected) << c.filter << " " << c.metadata;
  }
}

TEST(MetadataFilter, Groups) {
  const char* filter =
      R"({"$or":[{"track":"Kernel"},{"$and":[{"day":{"$gt":1}},{"$not":{"room":"A"}}]}]})";
  EXPECT_TRUE(matches(filter, R"({"track":"Kernel","day":1})"));
  EXPECT_TRUE(matches(filter, R"({"track":"Web","day":2,"room":"B"})"));
  EXPECT_FALSE(matches(filter, R"({"track":"Web","day":2,"room":"A"})"));
  EXPECT_FALSE(matches(filter, R"({"track":"Web","day":1})"));
}

// A misspelt operator must not silently match nothing.
TEST(MetadataFilter, ErrorsSayWhatToDo) {
  const std::pair<const char*, const char*> cases[] = {
      {R"([1])", "a filter is an object"},
      {R"({"a":{"$like":"x"}})", "'$like' of 'a' is no operator"},
      {R"({"a":{"$gt":1,"b":2}})", "'b' of 'a' is no operator"},
      {R"({"$nor":[{"a":1}]})", "there is no '$nor' here"},
      {R"({"$and":{}})", "$and takes a list of filters"},
      {R"({"$or":[]})", "$or takes a list of filters"},
      {R"({"$not":1})", "a filter is an object"},
      {R"({"a":{"$in":1}})", "$in of 'a' takes a list"},
      {R"({"a":{"$exists":1}})", "takes true or false"},
      {R"({"a":{"$lt":null}})", "$lt of 'a' takes a number, a date, a time or text"},
      {R"({"a":{"$not":5}})", "$not of 'a' takes operators"},
  };
  for (const auto& [filter, message] : cases) {
    const auto parsed = MetadataFilter::parse(json_of(filter));
    ASSERT_FALSE(parsed) << filter;
    EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(parsed.error().message, HasSubstr(message)) << filter;
  }
}

TEST(MetadataFilter, DepthAndSizeAreBounded) {
  Json deep = {{"a", 1}};
  for (std::size_t i = 0; i < kFilterDepthMax; ++i) deep = {{"$not", deep}};
  EXPECT_FALSE(MetadataFilter::parse(deep));
  Json inner = {{"$gt", 1}};
  for (std::size_t i = 0; i <= kFilterDepthMax; ++i) inner = {{"$not", inner}};
  EXPECT_FALSE(MetadataFilter::parse({{"a", inner}}));
  Json wide = Json::object();
  for (std::size_t i = 0; i <= kFilterConditionsMax; ++i) wide[std::to_string(i)] = i;
  EXPECT_FALSE(MetadataFilter::parse(wide));
  const Json many(std::vector<int>(kFilterListMax + 1, 7));
  EXPECT_FALSE(MetadataFilter::parse({{"a", {{"$in", many}}}}));
}

}  // namespace
}  // namespace rage::rag
