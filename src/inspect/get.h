// `rage get`: what kubectl's get prints, byte for byte.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "inspect/cluster.h"

namespace rage::inspect {

enum class GetFormat { kTable, kWide, kJson, kYaml, kName, kJsonPath, kTabSeparated };

struct GetCommand {
  std::vector<std::string> arguments = {};
  std::string label_selector = {};
  std::string field_selector = {};
  GetFormat format = GetFormat::kTable;
  std::string json_path = {};
  bool headers = true;
  bool watch = false;  // Until the context ends.
};

// "wide", "json", "yaml", "name", "tsv", "jsonpath=...", or "" for the table.
Result<void> set_format(GetCommand& command, std::string_view output);

// One object that is not there is an error; none of many is a line on `err`.
Result<void> run_get(const Context& context, const Cluster& cluster, const GetCommand& command);

}  // namespace rage::inspect
