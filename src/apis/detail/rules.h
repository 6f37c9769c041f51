// Collects violations in the words upstream uses for them (knative's FieldError).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "apis/inference_set.h"
#include "apis/rag_engine.h"
#include "apis/validation.h"
#include "apis/workspace.h"

namespace rage::apis::detail {

// One thread. Paths given are relative to `prefix`.
class Rules final {
 public:
  Rules(Verdict& verdict, std::string prefix) : verdict_(verdict), prefix_(std::move(prefix)) {}

  Rules at(std::string_view path) const { return Rules(verdict_, join(path)); }
  void missing(std::string_view path) const;
  void disallowed(std::string_view path) const;
  void invalid(std::string_view value, std::string_view path, std::string_view why = "") const;
  void refuse(std::string_view why, std::string_view path) const;  // "why: path"
  void warn(std::string warning) const { verdict_.warnings.push_back(std::move(warning)); }

 private:
  std::string join(std::string_view path) const;

  Verdict& verdict_;
  std::string prefix_;
};

// v1beta1 documents. `before` is null on create. `old_style`: the document came as v1alpha1.
struct Change {
  const Json& document;
  const Json* before = nullptr;
  bool old_style = false;
};
void check_workspace(const Change& change, const ValidationSettings& settings, const Rules& rules);
void check_inference_set(const Change& change, const ValidationSettings& settings,
                         const Rules& rules);
void check_rag_engine(const Change& change, const ValidationSettings& settings, const Rules& rules);
void check_model_mirror(const Change& change, const Rules& rules);
void check_multi_role_inference(const Change& change, const ValidationSettings& settings,
                                const Rules& rules);
void check_auto_indexer(const Change& change, const Rules& rules);

// Parts of several kinds.
void check_name(const Json& document, const Rules& rules);
void check_instance_type(std::string_view instance_type, const std::string* before,
                         const ValidationSettings& settings, const Rules& rules);
void check_label_selector(const LabelSelector& selector, const Rules& rules);
void check_resource_change(const ResourceSpec& resource, const ResourceSpec& before,
                           const Rules& rules);
void check_partition(const ResourceSpec& resource, const ValidationSettings& settings,
                     const Rules& rules);
// Only what is new or different from `before`.
void check_annotations(const StringMap& annotations, const StringMap& before,
                       const ValidationSettings& settings, const Rules& rules);
void check_inference(const InferenceSpec& inference, const StringMap& annotations,
                     const ValidationSettings& settings, const Rules& rules);
void check_adapters(const std::vector<Adapter>& adapters, const Rules& rules);
void check_tuning(const TuningSpec& tuning, const ResourceSpec& resource, const Rules& rules);
void check_tuning_change(const TuningSpec& tuning, const TuningSpec& before, const Rules& rules);

}  // namespace rage::apis::detail
