// One description per kind, and the parts that kinds share.
#pragma once

#include "apis/schema.h"

namespace rage::apis::detail {

enum class Version { kV1alpha1, kV1beta1 };

// v1alpha1 fills this in where no instance type is given.
inline constexpr const char* kV1alpha1InstanceType = "Standard_NC24ads_A100_v4";

KindDescription describe_workspace();
KindDescription describe_inference_set();
KindDescription describe_rag_engine();
KindDescription describe_model_mirror();
KindDescription describe_multi_role_inference();
KindDescription describe_auto_indexer();

// A document's root: apiVersion, kind, metadata; the caller adds the rest.
Schema document_schema(std::string_view about);
Schema label_selector_schema();
Schema conditions_schema();
Schema text_map_schema();
Schema name_schema();      // Of an object in the cluster.
Schema quantity_schema();  // "10Gi"
Schema texts_schema();
Schema resource_schema(Version version);
Schema partition_schema();
// Of a Workspace (kFixed: a preset cannot be changed) or of a template.
enum class PresetChange { kFixed, kAllowed };
Schema inference_schema(PresetChange change);
Schema performance_schema(Version version);

// Printer columns: the status of a condition; the age.
Column condition_column(const char* name, const char* type, int priority = 0);
Column age_column();
// What that condition says, for people: with -o wide.
Column message_column(const char* condition);

// CEL for an optional field of `self` that may be neither added, removed nor changed.
std::string fixed_field_rule(const char* field);

}  // namespace rage::apis::detail
