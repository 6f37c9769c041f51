#include "apis/validation.h"

#include <algorithm>
#include <array>

#include "apis/conversion.h"
#include "apis/detail/rules.h"
#include "codec/documents.h"

namespace rage::apis {
namespace {

constexpr std::string_view kGroup = "kaito.sh/";

Json metadata_field(const Json& document, std::string_view key) {
  const Json* metadata = codec::find_key(document, "metadata");
  const Json* value = metadata == nullptr ? nullptr : codec::find_key(*metadata, key);
  return value == nullptr ? Json() : *value;
}

// Writes of the status, of labels, of finalizers.
bool wants_the_same(const Json& document, const Json& before) {
  if (!document.is_object() || !before.is_object()) return false;
  const auto covers = [](const Json& a, const Json& b) {
    for (const auto& [key, value] : a.items()) {
      if (key == "metadata" || key == "status") continue;
      const Json* other = codec::find_key(b, key);
      if (other == nullptr || !codec::same_json(*other, value)) return false;
    }
    return true;
  };
  return covers(document, before) && covers(before, document) &&
         codec::same_json(metadata_field(document, "annotations"),
                          metadata_field(before, "annotations"));
}

bool has_two_versions(std::string_view kind) {
  constexpr std::array<std::string_view, 3> kKinds = {"Workspace", "InferenceSet", "RAGEngine"};
  return std::ranges::count(kKinds, kind) > 0;
}

void check_kind(std::string_view kind, const detail::Change& change,
                const ValidationSettings& settings, const detail::Rules& rules) {
  if (kind == "Workspace") check_workspace(change, settings, rules);
  if (kind == "InferenceSet") check_inference_set(change, settings, rules);
  if (kind == "RAGEngine") check_rag_engine(change, settings, rules);
  if (kind == "ModelMirror") check_model_mirror(change, rules);
  if (kind == "MultiRoleInference") check_multi_role_inference(change, settings, rules);
  if (kind == "AutoIndexer") check_auto_indexer(change, rules);
}

}  // namespace

std::string Verdict::message() const {
  std::string text = "validation failed: ";
  for (std::size_t i = 0; i < violations.size(); ++i) {
    text += (i == 0 ? "" : "\n") + violations[i].message;
  }
  return text;
}

Verdict validate(const Json& document, const Json& old_document,
                 const ValidationSettings& settings) {
  Verdict verdict;
  const std::string version = codec::string_or(document, "apiVersion", "");
  if (!version.starts_with(kGroup)) return verdict;
  // What is on its way out must be able to go, and nobody's status write is refused.
  if (!metadata_field(document, "deletionTimestamp").is_null()) return verdict;
  if (wants_the_same(document, old_document)) return verdict;

  const detail::Rules rules(verdict, "");
  const std::string kind = codec::string_or(document, "kind", "");
  if (!has_two_versions(kind)) {
    const Json* before = old_document.is_null() ? nullptr : &old_document;
    check_kind(kind, {.document = document, .before = before}, settings, rules);
    return verdict;
  }
  const Result<Json> converted = convert(document, kNewApiVersion);
  if (!converted) {
    rules.refuse(converted.error().message, "apiVersion");
    return verdict;
  }
  Result<Json> before = Json();
  if (!old_document.is_null()) before = convert(old_document, kNewApiVersion);
  // An old object that cannot be read says nothing about what may change.
  const bool has_before = before.has_value() && !before->is_null();
  check_kind(kind,
             {.document = *converted,
              .before = has_before ? &*before : nullptr,
              .old_style = version == kOldApiVersion},
             settings, rules);
  return verdict;
}

}  // namespace rage::apis
