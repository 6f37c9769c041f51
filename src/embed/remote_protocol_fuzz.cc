#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "embed/remote_protocol.h"

// Whatever an embedding service answers: rows of one length with a direction, or an error.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  for (const std::size_t texts : {1U, 2U}) {
    for (const auto& parsed :
         {embed::parse_openai_reply(text, texts), embed::parse_kaito_reply(text, texts)}) {
      if (!parsed) continue;
      CHECK(parsed->vectors.rows == texts);
      CHECK(parsed->vectors.values.size() == texts * parsed->vectors.dimension);
      for (const float value : parsed->vectors.values) CHECK(std::isfinite(value));
    }
  }
  CHECK(!embed::remote_error(502, text, text).message.empty());
  const std::string_view cut = embed::cut_at_tokens(text, 8);
  CHECK(cut.size() <= text.size() && embed::estimate_tokens(cut) <= 8);
  (void)embed::shown_url(text);
  return 0;
}
