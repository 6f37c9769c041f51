#include "inspect/table.h"

#include <gtest/gtest.h>

namespace rage::inspect {
namespace {

constexpr std::string_view kTable = R"({"kind": "Table", "metadata": {"resourceVersion": "7"},
  "columnDefinitions": [{"name": "Name", "format": "name", "type": "string", "priority": 0},
    {"name": "Ready", "type": "string"}, {"name": "Age", "type": "string"},
    {"name": "Model", "type": "string", "priority": 1}],
  "rows": [
    {"cells": ["phi", "True", "5s", "phi-4"],
     "object": {"metadata": {"name": "phi", "namespace": "a"}}},
    {"cells": ["a-much-longer-name", null, "12d", "x\ny"],
     "object": {"metadata": {"name": "a-much-longer-name", "namespace": "b"}}},
    {"cells": ["ä\u001b[1m", 3, "1h"], "object": {}}]})";

std::string print(const TableStyle& style) {
  const auto table = parse_table(kTable);
  EXPECT_TRUE(table);
  ColumnWriter writer;
  writer.add(header_cells(table->columns, style));
  for (const auto& row : table->rows) writer.add(row_cells(table->columns, row, style));
  return writer.take();
}

TEST(Table, PrintsAsKubectlDoes) {
  EXPECT_EQ(print({}),
            "NAME                 READY   AGE\n"
            "phi                  True    5s\n"
            "a-much-longer-name           12d\n"
            "ä^[[1m               3       1h\n");
}

TEST(Table, ShowsEverythingWide) {
  EXPECT_EQ(print({.columns = Columns::kWide, .with_namespace = true, .kind_prefix = "pod"}),
            "NAMESPACE   NAME                     READY   AGE   MODEL\n"
            "a           pod/phi                  True    5s    phi-4\n"
            "b           pod/a-much-longer-name           12d   x...\n"
            "            pod/ä^[[1m               3       1h    \n");
}

// Rows that a watch adds stay under the header that was printed before.
TEST(Table, RemembersWidths) {
  ColumnWriter writer;
  writer.add({"NAME", "AGE"});
  writer.add({"a-long-name", "1s"});
  EXPECT_EQ(writer.take(), "NAME          AGE\na-long-name   1s\n");
  writer.add({"b", "2s"});
  EXPECT_EQ(writer.take(), "b             2s\n");
  EXPECT_EQ(writer.take(), "");
}

TEST(Table, KeepsTheColumnsOfBeforeWhenAWatchLeavesThemOut) {
  const auto first = parse_table(kTable);
  const auto later =
      table_of(codec::parse_json(R"({"kind":"Table","rows":[{"cells":["x"]}]})").value_or(Json()),
               first->columns);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->columns.size(), 4U);
  EXPECT_EQ(later->rows[0].cells.size(), 4U);
}

TEST(Table, AnythingElseIsAnError) {
  EXPECT_FALSE(parse_table(R"({"kind": "PodList"})"));
  EXPECT_FALSE(parse_table("no"));
}

}  // namespace
}  // namespace rage::inspect
