// Filters come from clients: whatever they send is refused with a sentence or becomes SQL with
// every value outside its text, and JSON for Qdrant.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "vectordb/filter.h"
#include "vectordb/pg_sql.h"
#include "vectordb/qdrant_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto json = rage::codec::parse_json(text);
  if (!json) return 0;
  const auto filter = rage::vectordb::parse_filter(&*json);
  if (!filter) {
    CHECK(!filter.error().message.empty());
    return 0;
  }
  rage::vectordb::Sql sql;
  rage::vectordb::append_condition(sql, *filter);
  CHECK(!sql.text.empty());
  for (const std::string& parameter : sql.parameters) {
    // Long values would be seen in the text if one of them slipped in.
    CHECK(parameter.size() < 30 || sql.text.find(parameter) == std::string::npos);
  }
  const auto qdrant = rage::vectordb::qdrant_filter(*filter);
  CHECK(!qdrant || qdrant->is_object());
  return 0;
}
