// Every plugin type there is in llm-d, and what becomes of it here.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "routing/picker_config.h"

namespace rage::routing::detail {

enum class Support {
  kYes,
  kNoEffect,  // Accepted: what it does happens anyway. `remark` says so.
  kRefused,   // `remark` says why.
};

struct PluginType {
  std::string_view type;
  PluginKind kind;
  Support support = Support::kYes;
  std::string_view remark = {};
};

struct PluginAlias {
  std::string_view old_type;
  std::string_view type;
};

std::span<const PluginType> plugin_types();
const PluginType* find_plugin_type(std::string_view type);  // Null: unknown.
// The type that a deprecated name stands for; the name itself if it is none.
std::string_view canonical_plugin_type(std::string_view type);
std::string_view name_of(PluginKind kind);
std::string known_plugin_types();  // "a, b, c": those that can be used.

}  // namespace rage::routing::detail
