#include "cli/estimate_table.h"

#include <algorithm>
#include <numeric>

#include "base/strings.h"

namespace rage::cli {
namespace {

using catalog::Estimate;
using catalog::GpuCapacity;
using catalog::GpuSku;
using catalog::Model;
using codec::Json;
using Cells = std::vector<std::string>;

constexpr double kGiB = 1 << 30;
constexpr std::string_view kGap = "  ";
// The images hold no kernels for older GPUs, nor for those of other makers.
constexpr double kComputeCapabilityMin = 8.0;

double gib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / kGiB;
}

// How many characters to change, add or leave out to make one of the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// 0 when one is part of the other: "phi-4-mini" means phi-4-mini-instruct.
std::size_t unlikeness(std::string_view wanted, std::string_view known) {
  if (known.find(wanted) != std::string_view::npos) return 0;
  return edit_distance(wanted, known);
}

std::size_t unlikeness(std::string_view wanted, const Model& model) {
  std::size_t least =
      std::min(unlikeness(wanted, to_lower_ascii(model.id)), unlikeness(wanted, model.served_name));
  for (const std::string& alias : model.aliases) {
    least = std::min(least, unlikeness(wanted, alias));
  }
  return least;
}

Error unknown_model(std::string_view name) {
  if (catalog::is_deprecated(name)) {
    return {.code = ErrorCode::kNotFound,
            .message = fmt::format("{} is deprecated and no longer supported", name)};
  }
  const std::vector<std::string> near = nearest_models(name);
  return {.code = ErrorCode::kNotFound,
          .message = fmt::format("{} is not in the catalogue{}; `rage estimate --list` shows all",
                                 name, near.empty() ? "" : ". Near: " + join(near, ", "))};
}

bool can_serve(const GpuSku& sku) {
  return sku.compute_capability >= kComputeCapabilityMin;
}

// The machine asked for; "" as its name: none was, compare.
Result<EstimateRow> machine_of(const EstimateCommand& command) {
  EstimateRow row{.name = {}, .node = {}, .estimate = Estimate{}};
  if (!command.mig_profile.empty()) {
    ASSIGN_OR_RETURN(row.node, catalog::mig_capacity(command.mig_profile));
    row.name = command.mig_profile;
  } else if (command.gpu_memory_gib > 0) {
    row.node.gpus = command.gpus;
    row.node.memory_bytes_per_gpu = static_cast<std::uint64_t>(command.gpu_memory_gib * kGiB);
    row.name = fmt::format("{} x {} GiB", command.gpus, command.gpu_memory_gib);
  } else if (!command.gpu.empty()) {
    const GpuSku* sku = catalog::find_sku(command.gpu);
    if (sku == nullptr) {
      return fail(
          ErrorCode::kNotFound,
          "instance type {} is not known; without --gpu, those that are known are compared; "
          "--gpu-memory and --gpus describe any other machine",
          command.gpu);
    }
    if (!can_serve(*sku)) {
      return fail(ErrorCode::kFailedPrecondition,
                  "{} has {}; NVIDIA GPUs of compute capability 8.0 or newer are needed",
                  sku->instance_type, sku->model);
    }
    row.node = catalog::capacity_of(*sku);
    row.name = sku->instance_type;
  }
  return row;
}

std::string parallelism_of(const Model& model, const EstimateRow& row) {
  switch (catalog::parallelism(model, row.node, row.estimate->nodes)) {
    case catalog::Parallelism::kSingle:
      return "one GPU";
    case catalog::Parallelism::kData:
      return fmt::format("data {}", row.node.gpus);
    case catalog::Parallelism::kTensor:
      return fmt::format("tensor {}", row.node.gpus);
    case catalog::Parallelism::kTensorPipeline:
      return row.node.gpus == 1
                 ? fmt::format("pipeline {}", row.estimate->nodes)
                 : fmt::format("tensor {}, pipeline {}", row.node.gpus, row.estimate->nodes);
  }
  return {};
}

// A first line is the header; numbers are set flush right, as `right` says by column.
std::string align(const std::vector<Cells>& lines, const std::vector<bool>& right) {
  std::vector<std::size_t> widths(right.size());
  for (const Cells& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string out;
  for (const Cells& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (i > 0) text += kGap;
      text += right[i] ? fmt::format("{:>{}}", line[i], widths[i])
                       : fmt::format("{:<{}}", line[i], widths[i]);
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
  }
  return out;
}

std::string separate(const std::vector<Cells>& lines) {
  std::string out;
  for (const Cells& line : lines) out += join(line, "\t") + '\n';
  return out;
}

Cells cells_of(const EstimateReport& report, const EstimateRow& row) {
  Cells cells{row.name, row.node.model, fmt::format("{}", row.node.gpus),
              fmt::format("{:.0f}", gib(row.node.memory_bytes_per_gpu))};
  if (!row.estimate) {
    cells.insert(cells.end(), {"-", "-", "-", "-", "does not fit"});
    return cells;
  }
  const Estimate& estimate = *row.estimate;
  cells.insert(cells.end(), {fmt::format("{}", estimate.nodes), fmt::format("{}", estimate.gpus),
                             fmt::format("{:.1f}", gib(estimate.spare_bytes_per_gpu)),
                             fmt::format("{}", estimate.context_tokens_fit),
                             parallelism_of(*report.model, row)});
  return cells;
}

std::string summary(const EstimateReport& report) {
  const Model& model = *report.model;
  const bool upstream = report.request.rules == catalog::EstimateRules::kUpstream;
  const std::uint64_t weights = upstream ? model.weight_bytes : model.loaded_weight_bytes;
  const std::uint64_t cache =
      catalog::kv_cache_bytes(model, report.request.context_tokens, report.request.rules);
  return fmt::format(
      "{}: {:.1f} GiB of weights, {:.2f} GiB of KV cache for {} tokens; at most {} tokens{}\n\n",
      model.id, gib(weights), gib(cache), report.request.context_tokens, model.context_tokens_max,
      upstream ? "; KAITO's rules" : "");
}

Json row_json(const EstimateReport& report, const EstimateRow& row) {
  Json json = {{"name", row.name},
               {"gpuModel", row.node.model},
               {"gpusPerNode", row.node.gpus},
               {"memoryBytesPerGpu", row.node.memory_bytes_per_gpu}};
  if (!row.estimate) {
    json["error"] = row.estimate.error().message;
    return json;
  }
  const Estimate& estimate = *row.estimate;
  json["nodes"] = estimate.nodes;
  json["gpus"] = estimate.gpus;
  json["weightBytes"] = estimate.weight_bytes;
  json["kvBytes"] = estimate.kv_bytes;
  json["usableBytesPerGpu"] = estimate.usable_bytes_per_gpu;
  json["spareBytesPerGpu"] = estimate.spare_bytes_per_gpu;
  json["contextTokensFit"] = estimate.context_tokens_fit;
  json["utilization"] = estimate.utilization;
  json["parallelism"] = parallelism_of(*report.model, row);
  return json;
}

}  // namespace

std::vector<std::string> nearest_models(std::string_view name, std::size_t most) {
  const std::string wanted = to_lower_ascii(name.substr(0, 200));  // The distance is quadratic.
  std::vector<std::pair<std::size_t, const Model*>> all;
  for (const Model& model : catalog::models()) {
    const std::size_t distance = unlikeness(wanted, model);
    if (distance <= wanted.size() / 2) all.emplace_back(distance, &model);
  }
  std::ranges::sort(all);  // Equally near: in catalogue order, which is that of the addresses.
  std::vector<std::string> ids;
  for (const auto& entry : all) {
    if (ids.size() < most) ids.push_back(entry.second->id);
  }
  return ids;
}

Result<EstimateReport> make_estimate_report(const EstimateCommand& command) {
  EstimateReport report{.request = command.request};
  report.model = catalog::find_model(command.model);
  if (report.model == nullptr) return fail(unknown_model(command.model));
  if (command.request.context_tokens > report.model->context_tokens_max) {
    return fail(ErrorCode::kInvalidArgument, "{} takes at most {} tokens, not {}", report.model->id,
                report.model->context_tokens_max, command.request.context_tokens);
  }
  ASSIGN_OR_RETURN(EstimateRow machine, machine_of(command));
  if (!machine.name.empty()) {
    machine.estimate = catalog::estimate(*report.model, machine.node, command.request);
    if (!machine.estimate) return fail(machine.estimate.error());
    report.rows.push_back(std::move(machine));
    return report;
  }
  for (const GpuSku& sku : catalog::gpu_skus()) {
    if (sku.cloud != command.cloud || !can_serve(sku)) continue;
    GpuCapacity node = catalog::capacity_of(sku);
    auto found = catalog::estimate(*report.model, node, command.request);
    report.rows.push_back({std::string(sku.instance_type), std::move(node), std::move(found)});
  }
  return report;
}

std::string render_estimate(const EstimateReport& report, TableStyle style) {
  std::vector<Cells> lines;
  if (style == TableStyle::kAligned) {
    lines.push_back({"MACHINE", "GPU", "GPUS", "GIB/GPU", "NODES", "ALL GPUS", "SPARE GIB/GPU",
                     "LONGEST CONTEXT", "PARALLELISM"});
  }
  bool shorter = false;
  for (const EstimateRow& row : report.rows) {
    lines.push_back(cells_of(report, row));
    shorter |= row.estimate && row.estimate->context_tokens_fit < report.request.context_tokens;
  }
  if (style == TableStyle::kTabSeparated) return separate(lines);
  std::string out =
      summary(report) + align(lines, {false, false, true, true, true, true, true, true, false});
  if (shorter) {
    out +=
        "\nWhere copies run side by side (data), a sequence has the memory of one GPU: its longest "
        "context\ncan be shorter than was asked for.\n";
  }
  return out;
}

Json estimate_json(const EstimateReport& report) {
  Json rows = Json::array();
  for (const EstimateRow& row : report.rows) rows.push_back(row_json(report, row));
  const bool upstream = report.request.rules == catalog::EstimateRules::kUpstream;
  return {{"model", report.model->id},
          {"contextTokens", report.request.context_tokens},
          {"contextTokensMax", report.model->context_tokens_max},
          {"rules", upstream ? "upstream" : "truthful"},
          {"diskRequirement", catalog::disk_requirement(*report.model)},
          {"estimates", std::move(rows)}};
}

std::string render_model_list(TableStyle style) {
  std::vector<Cells> lines;
  if (style == TableStyle::kAligned) {
    lines.push_back({"MODEL", "GIB", "CONTEXT", "QUANTIZATION", "ALIAS"});
  }
  for (const Model& model : catalog::models()) {
    lines.push_back({model.id, fmt::format("{:.1f}", gib(model.loaded_weight_bytes)),
                     fmt::format("{}", model.context_tokens_max), model.quantization,
                     join(model.aliases, ",")});
  }
  return style == TableStyle::kAligned ? align(lines, {false, true, true, false, false})
                                       : separate(lines);
}

Json model_list_json() {
  Json all = Json::array();
  for (const Model& model : catalog::models()) {
    all.push_back({{"model", model.id},
                   {"aliases", model.aliases},
                   {"architecture", model.architecture},
                   {"weightBytes", model.loaded_weight_bytes},
                   {"contextTokensMax", model.context_tokens_max},
                   {"quantization", model.quantization},
                   {"gated", model.gated},
                   {"license", model.license}});
  }
  return {{"models", std::move(all)}};
}

}  // namespace rage::cli
