#include "llm/stand_ins.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "codec/documents.h"

namespace rage::llm {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTag = "rage.dev/substituted-model=";
constexpr auto kKeep = 60s;
constexpr auto kKeepFailure = 10s;
constexpr std::chrono::milliseconds kAskLimit{2'000};

}  // namespace

std::string render_stand_in_tag(std::string_view stand_in) {
  std::string tag = fmt::format("{}{}", kTag, stand_in);
  std::ranges::replace(tag, ',', ' ');
  return tag;
}

std::string stand_in_of(const codec::Json& entry) {
  for (const codec::Json& tag : codec::list_at(entry, {"tags"})) {
    if (!tag.is_string()) continue;
    const std::string& text = tag.get_ref<const std::string&>();
    if (text.starts_with(kTag)) return text.substr(kTag.size());
  }
  return {};
}

StandIns::Known StandIns::known_from(std::span<const ModelInfo> models, SteadyTime now) {
  Known known{.until = now + kKeep, .models = models.size(), .by_model = {}};
  for (const ModelInfo& model : models) known.by_model[model.id] = model.stand_in;
  return known;
}

void StandIns::learn(std::span<const ModelInfo> models) {
  const Known known = known_from(models, std::chrono::steady_clock::now());
  known_.with([&](Known& kept) { kept = known; });
}

StandIns::Known StandIns::ask(const Context& context) const {
  Context bounded = context;
  const auto now = std::chrono::steady_clock::now();
  bounded.deadline = now + context.remaining(kAskLimit);
  const auto models = list_(bounded);
  if (!models) return {.until = now + kKeepFailure, .by_model = {}};
  return known_from(*models, now);
}

std::string StandIns::find(const Context& context, const std::string& model) {
  Known known = known_.with([](const Known& kept) { return kept; });
  if (std::chrono::steady_clock::now() >= known.until) {
    known = ask(context);
    known_.with([&](Known& kept) { kept = known; });
  }
  const auto found = known.by_model.find(model);
  if (found != known.by_model.end()) return found->second;
  // A server of one model answers to any name.
  return known.models == 1 ? known.by_model.begin()->second : std::string();
}

}  // namespace rage::llm
