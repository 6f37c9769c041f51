#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "rag/metadata_filter.h"

// A filter, a line break, metadata: parsing and matching end, and $not turns the answer round.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const auto filter = codec::parse_json(text.substr(0, line));
  if (!filter) return 0;
  const auto metadata = codec::parse_json(text.substr(std::min(line + 1, text.size())));
  const codec::Json row = metadata ? *metadata : codec::Json::object();
  const auto parsed = rag::MetadataFilter::parse(*filter);
  if (!parsed) return 0;
  const auto negated = rag::MetadataFilter::parse({{"$not", *filter}});
  if (negated) CHECK(negated->matches(row) != parsed->matches(row));
  return 0;
}
