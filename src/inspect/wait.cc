#include "inspect/wait.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "inspect/doctor.h"
#include "inspect/documents.h"

namespace rage::inspect {
namespace {

using namespace std::chrono_literals;

constexpr auto kWatchTimeout = 300s;
constexpr auto kPause = 500ms;
constexpr auto kLookTakes = 10s;
constexpr auto kForever = std::chrono::hours(24 * 7);
constexpr auto kDiagnosisTakes = 20s;

// Of the object itself where a condition does not say which generation it saw.
bool is_of_this_generation(const Json& object, const Json& condition) {
  const int wanted = int_at(object, {"metadata", "generation"});
  const int seen = int_at(condition, {"observedGeneration"},
                          int_at(object, {"status", "observedGeneration"}, wanted));
  return seen >= wanted;
}

bool has_condition(const Json& object, std::string_view type, std::string_view status) {
  for (const Json& condition : list_at(object, {"status", "conditions"})) {
    if (!equals_ignoring_case(text_at(condition, {"type"}), type)) continue;
    return equals_ignoring_case(text_at(condition, {"status"}), status) &&
           is_of_this_generation(object, condition);
  }
  return false;
}

bool is_ready_workload(const Json& object) {
  const std::string kind = kind_of(object);
  if (kind == "StatefulSet" || kind == "Deployment" || kind == "ReplicaSet") {
    const int wanted = int_at(object, {"spec", "replicas"}, 1);
    return int_at(object, {"status", "observedGeneration"}) >=
               int_at(object, {"metadata", "generation"}) &&
           int_at(object, {"status", "readyReplicas"}) >= wanted;
  }
  if (kind == "Job") return is_condition_true(object, "Complete");
  const std::string_view own = ready_condition(kind);
  return has_condition(object, own.empty() ? "Ready" : own, "True");
}

// One object's wait. One thread.
class Wait final {
 public:
  Wait(const Context& context, const Cluster& cluster, const Goal& goal, const NamedObject& object)
      : context_(context),
        cluster_(cluster),
        goal_(goal),
        object_(object),
        key_(key_for(cluster, object.kind, object.name)) {}

  Result<void> run() {
    while (true) {
      std::string version;
      ASSIGN_OR_RETURN(const bool met, look(version));
      if (met) return {};
      RETURN_IF_ERROR(context_.check());
      bool done = false;
      const auto watched = cluster_.client.watch(
          context_, object_.kind.type,
          {.ns = key_.ns,
           .field_selector = "metadata.name=" + key_.name,
           .resource_version = version,
           .timeout =
               std::chrono::duration_cast<std::chrono::seconds>(context_.remaining(kWatchTimeout)) +
               1s},
          [&](const kube::WatchEvent& event) {
            if (event.type == kube::WatchEventType::kBookmark) return true;
            done = judge(event.type != kube::WatchEventType::kDeleted ? &event.object : nullptr);
            gone_ = event.type == kube::WatchEventType::kDeleted;
            return !done && !(gone_ && goal_.kind != Goal::Kind::kCreated);
          });
      if (done) return {};
      if (gone_ && goal_.kind != Goal::Kind::kCreated) continue;  // look() says that it is gone.
      RETURN_IF_ERROR(context_.check());
      // A watch that broke is begun anew; one that is refused will be refused again.
      if (!watched && !kube::is_gone(watched.error()) &&
          watched.error().code != ErrorCode::kUnavailable &&
          watched.error().code != ErrorCode::kDataLoss) {
        return fail(watched.error());
      }
      if (!cluster_.clock.sleep_for(context_.remaining(kPause), context_.stop)) {
        return context_.check();
      }
    }
  }

 private:
  bool judge(const Json* object) const {
    if (goal_.kind == Goal::Kind::kDeleted) return object == nullptr;
    return object != nullptr && is_met(goal_, *object);
  }

  Result<bool> look(std::string& version) {
    Json found;
    // The first look takes as long as it takes: "--timeout 0" asks for nothing else.
    Context patient = context_;
    if (std::exchange(first_, false)) patient.deadline = Context::with_timeout(kLookTakes).deadline;
    if (context_.deadline && *context_.deadline > *patient.deadline) {
      patient.deadline = context_.deadline;
    }
    ASSIGN_OR_RETURN(version, cluster_.client.list(
                                  patient, object_.kind.type,
                                  {.ns = key_.ns, .field_selector = "metadata.name=" + key_.name},
                                  [&](std::vector<Json> items) {
                                    for (Json& item : items) {
                                      if (text_at(item, {"metadata", "name"}) == key_.name) {
                                        found = std::move(item);
                                      }
                                    }
                                  }));
    const Json* object = found.is_object() ? &found : nullptr;
    if (object == nullptr && goal_.kind != Goal::Kind::kDeleted &&
        goal_.kind != Goal::Kind::kCreated) {
      return fail(ErrorCode::kNotFound, "{} \"{}\" not found", object_.kind.type.plural, key_.name);
    }
    return judge(object);
  }

  const Context& context_;
  const Cluster& cluster_;
  const Goal& goal_;
  const NamedObject& object_;
  const kube::ObjectKey key_;
  bool gone_ = false;
  bool first_ = true;
};

std::string argument_of_kind(const NamedObject& object) {
  const std::string kind = to_lower_ascii(object.kind.type.kind);
  return fmt::format("{}{}{}/{}", kind, object.kind.type.group.empty() ? "" : ".",
                     object.kind.type.group, object.name);
}

// What the doctor says, for those kinds that it knows; a wait for deletion is no illness.
void explain(const Context& context, const Cluster& cluster, const NamedObject& object) {
  if (ready_condition(object.kind.type.kind).empty()) return;
  Context own = Context::with_timeout(kDiagnosisTakes);
  own.stop = context.stop;
  const auto diagnosis = examine(
      own, cluster,
      {fmt::format("{}.{}/{}", object.kind.type.plural, object.kind.type.group, object.name)});
  if (diagnosis && !diagnosis->findings.empty()) {
    cluster.output.err(render_diagnosis(*diagnosis, Colour::kNever));
  }
}

}  // namespace

Result<Goal> parse_goal(std::string_view text) {
  constexpr std::string_view kCondition = "condition=";
  constexpr std::string_view kJsonPath = "jsonpath=";
  if (equals_ignoring_case(text, "ready")) return Goal{};
  if (equals_ignoring_case(text, "delete")) return Goal{.kind = Goal::Kind::kDeleted};
  if (equals_ignoring_case(text, "create")) return Goal{.kind = Goal::Kind::kCreated};
  if (text.starts_with(kCondition)) {
    text.remove_prefix(kCondition.size());
    Goal goal{.kind = Goal::Kind::kCondition};
    const std::size_t equals = text.find('=');
    goal.condition = text.substr(0, equals);
    if (equals != std::string_view::npos) goal.status = text.substr(equals + 1);
    if (!goal.condition.empty() && !goal.status.empty()) return goal;
  }
  if (text.starts_with(kJsonPath)) {
    text.remove_prefix(kJsonPath.size());
    Goal goal{.kind = Goal::Kind::kJsonPath};
    // The value's '=' is the one after the expression, which may have some of its own.
    const std::size_t brace = text.rfind('}');
    const std::size_t equals = text.find('=', brace == std::string_view::npos ? 0 : brace);
    ASSIGN_OR_RETURN(goal.path, JsonPath::parse_relaxed(text.substr(0, equals)));
    if (equals != std::string_view::npos) goal.value = std::string(text.substr(equals + 1));
    return goal;
  }
  return fail(ErrorCode::kInvalidArgument,
              "--for takes ready, condition=NAME, condition=NAME=False, delete, create or "
              "jsonpath={{.path}}=VALUE, not \"{}\"",
              text);
}

bool is_met(const Goal& goal, const Json& object) {
  switch (goal.kind) {
    case Goal::Kind::kReady:
      return is_ready_workload(object);
    case Goal::Kind::kCondition:
      return has_condition(object, goal.condition, goal.status);
    case Goal::Kind::kDeleted:
      return false;
    case Goal::Kind::kCreated:
      return true;
    case Goal::Kind::kJsonPath: {
      const std::vector<const Json*> found = goal.path->find(object);
      if (!goal.value) return !found.empty();
      return found.size() == 1 && render_value(*found.front()) == *goal.value;
    }
  }
  return false;
}

Result<void> run_wait(const Context& context, const Cluster& cluster, const WaitCommand& command) {
  ASSIGN_OR_RETURN(const Goal goal, parse_goal(command.goal));
  ASSIGN_OR_RETURN(const Kinds kinds, discover(context, cluster.client));
  ASSIGN_OR_RETURN(const auto objects, parse_named(kinds, command.arguments));
  Context limited = Context::with_timeout(command.timeout);
  limited.stop = context.stop;
  for (const NamedObject& object : objects) {
    const auto done = Wait(limited, cluster, goal, object).run();
    if (done) {
      cluster.output.out(fmt::format("{} condition met\n", argument_of_kind(object)));
      continue;
    }
    if (done.error().code != ErrorCode::kDeadlineExceeded) return done;
    if (goal.kind == Goal::Kind::kReady || goal.kind == Goal::Kind::kCondition ||
        goal.kind == Goal::Kind::kDeleted) {
      explain(context, cluster, object);
    }
    return fail(ErrorCode::kDeadlineExceeded, "timed out waiting for {} on {}/{}", command.goal,
                object.kind.type.plural, object.name);
  }
  return {};
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto refuse = [&] {
    return fail(ErrorCode::kInvalidArgument, "\"{}\" is no duration such as 30s, 5m or 1h30m",
                text);
  };
  std::string_view rest = text;
  if (rest.starts_with('-')) return std::chrono::milliseconds(kForever);
  if (rest == "0") return std::chrono::milliseconds(0);
  std::chrono::milliseconds total{0};
  if (rest.empty()) return refuse();
  while (!rest.empty()) {
    const auto digits_end = std::ranges::find_if_not(rest, is_ascii_digit);
    const auto digits = static_cast<std::size_t>(digits_end - rest.begin());
    const auto number = parse_uint(rest.substr(0, digits));
    if (!number || *number > 1'000'000'000) return refuse();
    rest.remove_prefix(digits);
    const auto unit_end = std::ranges::find_if(rest, is_ascii_digit);
    const std::string_view unit = rest.substr(0, static_cast<std::size_t>(unit_end - rest.begin()));
    rest.remove_prefix(unit.size());
    const std::int64_t unit_ms = unit == "ms"  ? 1
                                 : unit == "s" ? 1000
                                 : unit == "m" ? 60'000
                                 : unit == "h" ? 3'600'000
                                               : 0;
    if (unit_ms == 0) return refuse();
    total += std::chrono::milliseconds(static_cast<std::int64_t>(*number) * unit_ms);
    if (total > kForever * 52) return refuse();
  }
  return total;
}

}  // namespace rage::inspect
