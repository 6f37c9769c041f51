#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "obs/trace_context.h"

// The first line is `traceparent`, the rest `tracestate`: what is passed on says the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::obs;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::size_t line = text.find('\n');
  const std::string_view state = line == std::string_view::npos ? "" : text.substr(line + 1);
  const auto context = parse_trace_context(text.substr(0, line), state);
  if (!context) return 0;
  CHECK(context->state.size() <= 512);
  CHECK(parse_trace_context(render_traceparent(*context), context->state) == context);
  return 0;
}
