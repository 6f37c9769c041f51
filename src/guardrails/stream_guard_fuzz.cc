#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "guardrails/stream_guard.h"

namespace {

using namespace rage::guardrails;

const std::shared_ptr<const Policy>& policy(bool blocks) {
  static const auto load = [](std::string_view yaml) { return *load_policy(yaml); };
  static const std::shared_ptr<const Policy> redacting = load(
      "scanners:\n"
      "- {type: regex, patterns: ['(?i)bearer\\s+[a-z0-9]{4,}', '\\bsk-\\w+', "
      "'(?:1|12|123)4?5*']}\n"
      "- {type: ban_substrings, substrings: [cat, cat food]}\n"
      "- {type: secrets, redact_mode: partial}\n- {type: sensitive}\n- {type: invisible_text}\n");
  static const std::shared_ptr<const Policy> blocking =
      load("scanners:\n- {type: secrets}\n- {type: sensitive, action: block}\n");
  return blocks ? blocking : redacting;
}

// Cut where the bytes of `cuts` say.
template <class Guard>
std::string feed_cut(Guard& guard, std::string_view text, std::string_view cuts) {
  std::string shown;
  for (std::size_t i = 0; !text.empty(); ++i) {
    const std::size_t length = cuts.empty() ? text.size() : cuts[i % cuts.size()] & 31;
    shown += guard.feed(text.substr(0, length + 1));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return shown + guard.finish();
}

}  // namespace

// Differential: the same text, and the same stream, whole and in any pieces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 10) return 0;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::string_view cuts = input.substr(1, 8);
  const std::string_view text = input.substr(9);
  const auto& held_to = policy((input[0] & 1) != 0);
  if ((input[0] & 2) != 0) {
    StreamGuard whole(held_to);
    StreamGuard cut(held_to);
    CHECK(feed_cut(whole, text, {}) == feed_cut(cut, text, cuts));
    return 0;
  }
  Outcome outcome;
  TextGuard whole(*held_to, Reach::kContent, outcome);
  TextGuard cut(*held_to, Reach::kContent, outcome);
  CHECK(feed_cut(whole, text, {}) == feed_cut(cut, text, cuts));
  CHECK(whole.blocked() == cut.blocked());
  return 0;
}
