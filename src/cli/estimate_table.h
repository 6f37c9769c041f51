// `rage estimate`: what a model needs, before anything is rented. Pure: the catalogue is compiled
// in, nothing is asked of a cluster or of the hub.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/estimator.h"
#include "catalog/gpu.h"
#include "codec/json.h"

namespace rage::cli {

struct EstimateCommand {
  std::string model = {};
  std::string gpu = {};       // Instance type; empty: all that `cloud` sells.
  double gpu_memory_gib = 0;  // > 0: GPUs of one's own, `gpus` of them in a node.
  int gpus = 1;
  std::string mig_profile = {};
  catalog::Cloud cloud = catalog::Cloud::kAzure;
  catalog::EstimateRequest request = {};
};

struct EstimateRow {
  std::string name;
  catalog::GpuCapacity node;
  Result<catalog::Estimate> estimate;
};

struct EstimateReport {
  const catalog::Model* model = nullptr;
  catalog::EstimateRequest request = {};
  std::vector<EstimateRow> rows = {};
};

// kNotFound names the nearest models. When one machine was asked for and does not do, its error is
// the result; in a comparison it is one row of several.
Result<EstimateReport> make_estimate_report(const EstimateCommand& command);

enum class TableStyle {
  kAligned,       // For a person: a summary, a header, columns that line up.
  kTabSeparated,  // For a script: one line a row, no header.
};
std::string render_estimate(const EstimateReport& report, TableStyle style);
codec::Json estimate_json(const EstimateReport& report);

std::string render_model_list(TableStyle style);
codec::Json model_list_json();

// Models whose id, repository name or alias resembles `name`, nearest first.
std::vector<std::string> nearest_models(std::string_view name, std::size_t most = 3);

}  // namespace rage::cli
