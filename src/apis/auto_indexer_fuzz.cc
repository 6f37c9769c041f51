// A termination message as any container may leave it: whatever is read as a report can be written
// again, within its limit.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apis/auto_indexer.h"
#include "apis/index_report.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rage::apis;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(has_password(bytes));
  if (const auto document = rage::codec::parse_json(bytes)) {
    static_cast<void>(parse_auto_indexer(*document));
  }
  const auto report = parse_index_report(bytes);
  if (!report) return 0;
  const std::string again = render_index_report(*report);
  CHECK(again.size() <= kIndexReportBytesMax);
  CHECK(parse_index_report(again).has_value());
  return 0;
}
