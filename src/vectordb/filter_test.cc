#include "vectordb/filter.h"

#include <gtest/gtest.h>

#include "vectordb/pg_sql.h"
#include "vectordb/qdrant_filter.h"

namespace rage::vectordb {
namespace {

using codec::Json;

Filter parsed(const char* text) {
  const auto json = codec::parse_json(text);
  EXPECT_TRUE(json) << text;
  auto filter = parse_filter(&*json);
  EXPECT_TRUE(filter) << text;
  return filter.value_or(Filter{});
}

TEST(Filter, SaysWhatIsWrong) {
  for (const char* text : {"[]", "3", R"({"a": {"$like": 1}})", R"({"$nor": []})", R"({"$or": {}})",
                           R"({"a": {"$in": 3}})", R"({"a": {"$gt": null}})",
                           R"({"a": {"$exists": 1}})", R"({"$not": [1]})"}) {
    const auto json = codec::parse_json(text);
    ASSERT_TRUE(json);
    const auto filter = parse_filter(&*json);
    ASSERT_FALSE(filter) << text;
    EXPECT_EQ(filter.error().code, ErrorCode::kInvalidArgument);
  }
  Json deep = Json::object();
  for (int i = 0; i < 20; ++i) deep = Json{{"$not", deep}};
  EXPECT_FALSE(parse_filter(&deep));
  Json many = {{"a", {{"$in", std::vector<int>(300, 1)}}}};
  EXPECT_FALSE(parse_filter(&many));
  EXPECT_TRUE(parse_filter(nullptr)->parts.empty());
}

// What a client sends must never be read as SQL.
TEST(PgSql, ValuesAndKeysAreParameters) {
  Sql sql;
  append_condition(sql, parsed(R"({"a'; DROP TABLE x; --": "b'); DELETE FROM y; --",
                                   "$or": [{"n": {"$gte": 3}}, {"t": {"$contains": "it's"}}]})"));
  EXPECT_EQ(sql.text.find("DROP"), std::string::npos);
  EXPECT_EQ(sql.text.find("DELETE"), std::string::npos);
  EXPECT_EQ(sql.text.find("it's"), std::string::npos);
  EXPECT_EQ(sql.parameters.front(), "a'; DROP TABLE x; --");
  for (std::size_t i = 1; i <= sql.parameters.size(); ++i) {
    EXPECT_NE(sql.text.find("$" + std::to_string(i)), std::string::npos);
  }
}

TEST(PgSql, LiteralsKeepQuotesAndBackslashes) {
  const std::vector<std::string> items = {R"(a"b)", R"(c\d)", "", "{e,f}"};
  EXPECT_EQ(array_literal(items), R"({"a\"b","c\\d","","{e,f}"})");
  const std::vector<float> vector = {0.5F, -1};
  EXPECT_EQ(vector_literal(vector), "[0.5,-1]");
}

TEST(QdrantFilter, IsWrittenInItsLanguage) {
  struct Case {
    const char* filter;
    const char* expected;
  };
  const Case cases[] = {
      {"{}", R"({"must":[]})"},
      {R"({"day": 2})", R"({"must":[{"key":"metadata.\"day\"","range":{"gte":2,"lte":2}}]})"},
      {R"({"a.b": "x"})", R"({"must":[{"key":"metadata.\"a.b\"","match":{"value":"x"}}]})"},
      {R"({"t": null})", R"({"must":[{"is_empty":{"key":"metadata.\"t\""}}]})"},
      {R"({"p": {"$gt": 1, "$lte": 2.5}})",
       R"({"must":[{"must":[{"key":"metadata.\"p\"","range":{"gt":1}},)"
       R"({"key":"metadata.\"p\"","range":{"lte":2.5}}]}]})"},
      {R"({"d": {"$gte": "2026-03-05"}})",
       R"({"must":[{"must":[{"key":"metadata.\"d\"","range":{"gte":"2026-03-05"}}]}]})"},
      {R"({"$or": []})", R"({"must":[{"has_id":[]}]})"},
      {R"({"a": {"$ne": true}})",
       R"({"must":[{"must":[{"must_not":[{"key":"metadata.\"a\"","match":{"value":true}}]}]}]})"},
  };
  for (const Case& one : cases) {
    const auto json = qdrant_filter(parsed(one.filter));
    ASSERT_TRUE(json) << one.filter;
    EXPECT_EQ(codec::render_json(*json), one.expected);
  }
  for (const char* text : {R"({"a": {"$gt": "beta"}})", R"({"a": [1]})", R"({"\"": 1})"}) {
    const auto json = qdrant_filter(parsed(text));
    ASSERT_FALSE(json) << text;
    EXPECT_EQ(json.error().code, ErrorCode::kUnimplemented);
  }
}

}  // namespace
}  // namespace rage::vectordb
