#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "inspect/kinds.h"
#include "inspect/table.h"

// A server's table and its list of kinds: what parses is printed, a line a row.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::inspect;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  (void)Kinds().add(text);
  const auto table = parse_table(text);
  if (!table) return 0;
  ColumnWriter writer;
  const TableStyle style{.columns = Columns::kWide, .with_namespace = true, .kind_prefix = "pod"};
  writer.add(header_cells(table->columns, style));
  for (const auto& row : table->rows) writer.add(row_cells(table->columns, row, style));
  const std::string printed = writer.take();
  CHECK(printed.size() > table->rows.size());
  return 0;
}
