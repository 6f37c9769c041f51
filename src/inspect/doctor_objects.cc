// The doctor's checks of what resources say themselves, and what the checks share.
#include <algorithm>

#include "base/strings.h"
#include "inspect/detail/checks.h"
#include "inspect/time.h"

namespace rage::inspect::detail {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kDeletionTakes = 60s;
constexpr std::chrono::seconds kStartTakes = 10s;

std::vector<std::string> texts_at(const Json& object, Path path) {
  std::vector<std::string> texts;
  for (const Json& text : list_at(object, path)) {
    if (text.is_string()) texts.push_back(text.get<std::string>());
  }
  return texts;
}

// Whether an error of it, of what it consists of or of the installation is told already.
bool is_explained(const Examination& exam, const Json& object) {
  std::set<std::string> names;
  for (const Json* member : exam.world.family_of(object)) names.insert(display_name(*member));
  return std::ranges::any_of(exam.findings, [&](const Finding& finding) {
    return finding.severity == Severity::kError &&
           (finding.cause <= Cause::kWebhook || names.contains(finding.object));
  });
}

Finding from_condition(const Examination& exam, const Json& object) {
  const std::string type(ready_condition(kind_of(object)));
  const Json* condition = find_condition(object, type);
  const std::string ns = text_at(object, {"metadata", "namespace"});
  Finding finding{.cause = Cause::kCondition,
                  .object = display_name(object),
                  .what = "is not ready, and has not said why",
                  .todo = {fmt::format("rage describe {}{}{}", argument_of(object),
                                       ns.empty() ? "" : " -n ", ns)}};
  const auto age = time_since(text_at(object, {"metadata", "creationTimestamp"}), exam.now);
  if (age && *age < kStartTakes) finding.severity = Severity::kWarning;  // Let it begin.
  if (condition == nullptr) return finding;
  finding.what = fmt::format("is not ready: {}", shortened(text_at(*condition, {"message"}), 600));
  finding.evidence = {fmt::format("{} is {} since {}, reason {}", type,
                                  text_at(*condition, {"status"}),
                                  age_of(text_at(*condition, {"lastTransitionTime"}), exam.now),
                                  text_at(*condition, {"reason"}))};
  return finding;
}

}  // namespace

std::vector<const Json*> Examination::of(std::string_view kind) const {
  std::vector<const Json*> found = members;
  std::erase_if(found, [&](const Json* member) { return kind_of(*member) != kind; });
  return found;
}

std::optional<std::chrono::seconds> time_since(std::string_view time, WallTime now) {
  const auto then = parse_time(time);
  if (!then) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::seconds>(now - *then);
}

std::string kubectl_for(const std::string& ns) {
  return ns.empty() ? "kubectl" : "kubectl -n " + ns;
}

std::string kubectl_for(const Json& object) {
  return kubectl_for(text_at(object, {"metadata", "namespace"}));
}

std::string shortened(std::string text, std::size_t most) {
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  // What a container printed may hold escape sequences: they are not for our terminal.
  std::erase_if(text, [](char c) { return c >= 0 && (c < ' ' || c == '\x7f'); });
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0U) == 0x80U) --most;
  return text.substr(0, most) + "...";
}

std::string some_of(const std::vector<std::string>& names, std::size_t most) {
  if (names.size() <= most) return join(names, ", ");
  const std::vector<std::string> shown(names.begin(),
                                       names.begin() + static_cast<std::ptrdiff_t>(most));
  return fmt::format("{} and {} more", join(shown, ", "), names.size() - most);
}

void check_rollouts(Examination& exam) {
  for (const Json* set : exam.of("InferenceSet")) {
    const Json* rollout = find_condition(*set, "RolloutProgressing");
    if (rollout == nullptr || text_at(*rollout, {"reason"}) != "RolloutStalled") continue;
    exam.add({.cause = Cause::kRollout,
              .object = display_name(*set),
              .what = "the roll-out has stopped at its first bad replica; the others stay as they "
                      "are",
              .evidence = {shortened(text_at(*rollout, {"message"}), 600)},
              .todo = {fmt::format("{} edit inferenceset {}: correct spec.template, or put it back",
                                   kubectl_for(*set), text_at(*set, {"metadata", "name"}))}});
  }
}

void check_deletions(Examination& exam) {
  for (const Json* member : exam.members) {
    const std::string asked = text_at(*member, {"metadata", "deletionTimestamp"});
    const auto since = time_since(asked, exam.now);
    if (!since || *since < kDeletionTakes) continue;
    const std::vector<std::string> finalizers = texts_at(*member, {"metadata", "finalizers"});
    const std::string name = text_at(*member, {"metadata", "name"});
    Finding finding{.cause = Cause::kDeletion,
                    .object = display_name(*member),
                    .what = fmt::format("is being deleted since {}", human_duration(*since))};
    std::vector<std::string> left;
    for (const Json* child : exam.world.children_of(*member)) left.push_back(display_name(*child));
    if (!left.empty()) finding.evidence.push_back("still there: " + some_of(left));
    if (!finalizers.empty()) {
      finding.what += fmt::format(" and waits for {}", join(finalizers, ", "));
      finding.todo = {
          "see that the operator runs; it removes its own finalizers",
          fmt::format("only if nothing is left to clean up: {} patch {} {} --type=merge "
                      "-p '{{\"metadata\":{{\"finalizers\":null}}}}'",
                      kubectl_for(*member), to_lower_ascii(kind_of(*member)), name)};
    } else if (kind_of(*member) == "Pod") {
      finding.evidence.push_back("its node is " + text_at(*member, {"spec", "nodeName"}));
      finding.todo = {"kubectl describe node " + text_at(*member, {"spec", "nodeName"})};
    }
    exam.add(std::move(finding));
  }
}

void check_conditions(Examination& exam) {
  // Children first: what explains one explains its parent.
  for (auto it = exam.members.rbegin(); it != exam.members.rend(); ++it) {
    const Json& member = **it;
    if (is_ready(member) != false || is_explained(exam, member)) continue;
    if (!text_at(member, {"metadata", "deletionTimestamp"}).empty()) continue;
    exam.add(from_condition(exam, member));
  }
}

}  // namespace rage::inspect::detail
