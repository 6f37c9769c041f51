// The server's own tables (meta.k8s.io/v1 Table), printed as kubectl prints them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "codec/json.h"

namespace rage::inspect {

using codec::Json;

// Value. What the server shows of some objects.
struct Table {
  struct Column {
    std::string name;
    std::string format;  // "name": the object's own.
    int priority = 0;    // Above 0: only with -o wide.
  };
  struct Row {
    std::vector<std::string> cells;  // One a column.
    std::string ns;
    std::string name;
  };
  std::vector<Column> columns;
  std::vector<Row> rows;
  std::string resource_version;
  std::string next;  // Where the next page starts; empty: there is none.
};

// kDataLoss if it is no Table. A watch's later tables may lack columns: `known` are those of
// before.
Result<Table> table_of(const Json& document, const std::vector<Table::Column>& known = {});
Result<Table> parse_table(std::string_view text);

// Lines of cells. Every column but the last is three wider than its widest cell, at least six; what
// was wide stays wide, so that a watch's rows line up with those before.
// Value. One thread.
class ColumnWriter final {
 public:
  void add(std::vector<std::string> cells) { lines_.push_back(std::move(cells)); }
  // What was added since the last time, as text.
  std::string take();
  // The same, with tabs between the cells and no padding.
  std::string take_tabbed();

 private:
  std::vector<std::vector<std::string>> lines_;
  std::vector<std::size_t> widths_;
};

enum class Columns { kUsual, kWide };
enum class CellStyle {
  kPrinted,  // Cut at the first line's end, terminal escapes made visible.
  kTabbed,   // Also without tabs.
};

struct TableStyle {
  Columns columns = Columns::kUsual;
  CellStyle cells = CellStyle::kPrinted;
  bool with_namespace = false;
  std::string kind_prefix = {};  // "pod": names become "pod/name".
};

std::vector<std::string> header_cells(const std::vector<Table::Column>& columns,
                                      const TableStyle& style);
std::vector<std::string> row_cells(const std::vector<Table::Column>& columns, const Table::Row& row,
                                   const TableStyle& style);

}  // namespace rage::inspect
