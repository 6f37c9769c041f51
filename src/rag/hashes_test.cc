#include "rag/hashes.h"

#include <gtest/gtest.h>

#include "codec/json_for_test.h"

namespace rage::rag {
namespace {

using codec::json_of;

// A client that stored ids and hashes from the original must find its documents unchanged.
TEST(Hashes, AgreeWithTheOriginal) {
  const auto metadata = json_of(R"({"type":"text"})");
  EXPECT_EQ(chunk_hash("First document in index1", metadata),
            "1e64a170be48c45efeaa8667ab35919106da0489ec99a11d0029f2842db133aa");
  EXPECT_EQ(document_hash("First document in index1", metadata),
            "81bedde64ebbcd5217992ff7d90fac992c4d7a654e72e76cf5e61c7d45e59afe");
  EXPECT_EQ(document_id("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(document_hash("abc", codec::Json::object()), document_id(document_id("abc")));
}

// The expected text was printed by Python's repr().
TEST(Hashes, PythonReprCoversEveryKindOfValue) {
  const auto metadata =
      json_of(R"({"s": "it's", "q": "say \"it's\"", "i": -3, "f": 1.5, "g": 1.0, "big": 1e+16,)"
              R"( "small": 1e-05,)"
              R"( "h": 123456789.125, "t": true, "n": null, "l": [1, "a", {"b": 2.0}],)"
              R"( "u": "\u00e9\u200bx\n\t\\\u0001\ud83d\ude00\u00a0\u2028", "e": {}, "l0": []})");
  EXPECT_EQ(
      python_repr(metadata),
      R"({'s': "it's", 'q': 'say "it\'s"', 'i': -3, 'f': 1.5, 'g': 1.0, 'big': 1e+16,)"
      R"( 'small': 1e-05, 'h': 123456789.125, 't': True, 'n': None, 'l': [1, 'a', {'b': 2.0}],)"
      R"( 'u': 'é\u200bx\n\t\\\x01😀\xa0\u2028', 'e': {}, 'l0': []})");
  EXPECT_EQ(chunk_hash("x", metadata),
            "76ef79714b0061c11a95563cc97e7bb17f7231e859302fa9a2763514338dbe79");
}

TEST(Hashes, EqualityIsPythons) {
  EXPECT_TRUE(python_equal(json_of("1"), json_of("1.0")));
  EXPECT_TRUE(python_equal(json_of("true"), json_of("1")));
  EXPECT_TRUE(python_equal(json_of(R"({"a":[1,true]})"), json_of(R"({"a":[1.0,1]})")));
  EXPECT_FALSE(python_equal(json_of(R"("1")"), json_of("1")));
  EXPECT_FALSE(python_equal(json_of("null"), json_of("0")));
}

}  // namespace
}  // namespace rage::rag
