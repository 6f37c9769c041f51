#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "guardrails/text_guard.h"

// Any policy: refused with a reason, or one under which whole and cut texts come out the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::guardrails;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::size_t border = std::min(input.find('\0'), input.size());
  const auto policy = load_policy(input.substr(0, border));
  if (!policy) {
    CHECK(!policy.error().message.empty());
    return 0;
  }
  const std::string_view text = input.substr(border);
  Outcome outcome;
  TextGuard whole(**policy, Reach::kContent, outcome);
  std::string expected = whole.feed(text);
  expected += whole.finish();
  TextGuard cut(**policy, Reach::kContent, outcome);
  std::string shown;
  for (const char c : text) shown += cut.feed({&c, 1});
  shown += cut.finish();
  CHECK(shown == expected);
  CHECK(cut.blocked() == whole.blocked());
  return 0;
}
