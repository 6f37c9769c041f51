#include "gateway/prefill_allow_list.h"

#include <gmock/gmock.h>

namespace rage::gateway {
namespace {

bool allows(const std::vector<std::string>& entries, std::string_view target) {
  const auto list = PrefillAllowList::parse(entries);
  EXPECT_TRUE(list);
  return list->allows(*routing::parse_address_port(target));
}

// A hole in the list lets anybody make the sidecar talk to anything in the cluster.
TEST(PrefillAllowList, AllowsWhatItNamesAndNothingElse) {
  struct Case {
    std::string entry;
    std::string target;
    bool allowed;
  } const kCases[] = {
      {"10.0.0.7:8000", "10.0.0.7:8000", true},   {"10.0.0.7:8000", "10.0.0.7:22", false},
      {"10.0.0.7:8000", "10.0.0.8:8000", false},  {"10.0.0.7", "10.0.0.7:22", true},
      {"10.0.0.7", "[::ffff:10.0.0.7]:22", true}, {"10.0.0.0/8", "10.255.0.1:8000", true},
      {"10.0.0.0/8", "11.0.0.1:8000", false},     {"10.0.0.0/9", "10.128.0.1:8000", false},
      {"10.0.0.0/8", "[a00::1]:8000", false},     {"0.0.0.0/0", "1.2.3.4:8000", true},
      {"0.0.0.0/0", "[fd00::1]:8000", false},     {"[fd00::1]:8000", "[fd00::1]:8000", true},
      {"fd00::/8", "[fd12::1]:1", true},          {"fd00::/8", "[fc12::1]:1", false},
  };
  for (const Case& test : kCases) {
    EXPECT_EQ(allows({test.entry}, test.target), test.allowed) << test.entry << " " << test.target;
  }
  EXPECT_FALSE(allows({}, "10.0.0.7:8000"));
}

TEST(PrefillAllowList, TakesWholePodsLater) {
  auto list = *PrefillAllowList::parse({});
  list.add(*routing::parse_ip_address("10.0.0.7"));
  EXPECT_TRUE(list.allows(*routing::parse_address_port("10.0.0.7:8200")));
  EXPECT_FALSE(list.allows(*routing::parse_address_port("10.0.0.6:8200")));
}

TEST(PrefillAllowList, RefusesWhatIsNoAddress) {
  for (const char* text : {"", "prefill.example", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "/8",
                           "10.0.0.7:0", "10.0.0.7:99999"}) {
    EXPECT_FALSE(PrefillAllowList::parse({text})) << text;
  }
}

}  // namespace
}  // namespace rage::gateway
