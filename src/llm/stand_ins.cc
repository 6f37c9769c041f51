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

StandIns::Known StandIns::ask(const Context& context) const {
  Context bounded = context;
  const auto now = std::chrono::steady_clock::now();
  bounded.deadline = now + context.remaining(kAskLimit);
  const auto models = list_(bounded);
  Known known{.until = now + (models ? kKeep : kKeepFailure), .by_model = {}};
  if (!models) return known;
  known.models = models->size();
  for (const ModelInfo& model : *models) known.by_model[model.id] = model.stand_in;
  return known;
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
