#include "inspect/describe.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "base/strings.h"
#include "codec/go_text.h"
#include "inspect/detail/wrap.h"
#include "inspect/gather.h"
#include "inspect/table.h"
#include "inspect/time.h"

namespace rage::inspect {
namespace {

constexpr std::size_t kLabelColumn = 14;
constexpr std::size_t kSpecLinesMax = 60;
constexpr std::size_t kTextMax = 200;
constexpr std::size_t kEventsMax = 30;
constexpr std::size_t kChildrenMax = 100;
constexpr std::size_t kDepthMax = 8;

// One line of a message that is safe on a terminal.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 0 && (c < ' ' || c == '\x7f') ? ' ' : c;
  return out;
}

// One description. One thread.
class Description final {
 public:
  Description(const Json& object, const World& world, WallTime now)
      : object_(object), world_(world), now_(now) {}

  std::string take() {
    metadata();
    spec();
    conditions();
    children();
    pods();
    events();
    return std::move(out_);
  }

 private:
  void field(std::string_view label, std::string_view value) {
    if (value.empty()) return;
    out_ += fmt::format("{:<{}}{}\n", fmt::format("{}:", label), kLabelColumn, plain(value));
  }
  void strings(std::string_view label, const apis::StringMap& values) {
    std::string_view shown = label;
    for (const auto& [key, value] : values) {
      if (key == "kubectl.kubernetes.io/last-applied-configuration") continue;
      std::string line = fmt::format("{}={}", key, value);
      if (line.size() > kTextMax) line = line.substr(0, kTextMax) + "...";
      out_ += fmt::format("{:<{}}{}\n", shown.empty() ? "" : fmt::format("{}:", shown),
                          kLabelColumn, plain(line));
      shown = "";
    }
  }
  std::string when(std::string_view time) const {
    return fmt::format("{} ({} ago)", time, age_of(time, now_));
  }
  void table(ColumnWriter& writer) {
    const std::string lines = writer.take();
    for (const std::string_view line : split(lines, '\n')) {
      std::string_view text = line;
      while (text.ends_with(' ')) text.remove_suffix(1);
      if (!text.empty()) out_ += fmt::format("  {}\n", text);
    }
  }

  void metadata() {
    field("Name", text_at(object_, {"metadata", "name"}));
    field("Namespace", text_at(object_, {"metadata", "namespace"}));
    field("Kind", fmt::format("{} ({})", kind_of(object_), text_at(object_, {"apiVersion"})));
    field("Ready", readiness_of(object_));
    field("Created", when(text_at(object_, {"metadata", "creationTimestamp"})));
    if (const std::string asked = text_at(object_, {"metadata", "deletionTimestamp"});
        !asked.empty()) {
      field("Deleting", when(asked));
      std::vector<std::string> finalizers;
      for (const Json& each : list_at(object_, {"metadata", "finalizers"})) {
        if (each.is_string()) finalizers.push_back(each.get<std::string>());
      }
      field("Waits for", join(finalizers, ", "));
    }
    for (const Json& owner : list_at(object_, {"metadata", "ownerReferences"})) {
      field("Owner", fmt::format("{}/{}", text_at(owner, {"kind"}), text_at(owner, {"name"})));
    }
    strings("Labels", strings_at(object_, {"metadata", "labels"}));
    strings("Annotations", strings_at(object_, {"metadata", "annotations"}));
  }

  // What a person wrote, without long texts and without what is data.
  static Json in_short(const Json& value) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      const std::size_t end = std::min(text.find('\n'), kTextMax);
      return end < text.size() ? Json(text.substr(0, end) + "...") : value;
    }
    if (!value.is_structured()) return value;
    Json out = value.is_object() ? Json::object() : Json::array();
    for (const auto& [key, item] : value.items()) {
      if (value.is_object()) {
        out[key] = in_short(item);
      } else {
        out.push_back(in_short(item));
      }
    }
    return out;
  }

  void spec() {
    const bool is_secret = kind_of(object_) == "Secret";
    Json rest = Json::object();
    for (const auto& [key, value] : object_.items()) {
      if (key == "apiVersion" || key == "kind" || key == "metadata" || key == "status") continue;
      if (is_secret && (key == "data" || key == "stringData")) {
        Json sizes = Json::object();
        for (const auto& [name, text] : value.items()) {
          const std::size_t bytes =
              text.is_string() ? text.get_ref<const std::string&>().size() / 4 * 3 : 0;
          sizes[name] = fmt::format("about {} bytes", bytes);
        }
        rest[key] = std::move(sizes);
      } else {
        rest[key] = in_short(value);
      }
    }
    if (rest.empty()) return;
    const std::string text = codec::render_go_yaml(rest);
    std::vector<std::string_view> lines = split(text, '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    for (std::size_t i = 0; i < lines.size() && i < kSpecLinesMax; ++i) {
      out_ += fmt::format("{}\n", lines[i]);
    }
    if (lines.size() > kSpecLinesMax) {
      out_ += fmt::format("  ... {} more lines: rage get {} -o yaml\n",
                          lines.size() - kSpecLinesMax, argument_of(object_));
    }
  }

  void conditions() {
    const Json& list = list_at(object_, {"status", "conditions"});
    if (list.empty()) return;
    out_ += "Conditions:\n";
    ColumnWriter writer;
    writer.add({"TYPE", "STATUS", "AGE", "REASON"});
    for (const Json& condition : list) {
      writer.add({text_at(condition, {"type"}), text_at(condition, {"status"}),
                  age_of(text_at(condition, {"lastTransitionTime"}), now_),
                  plain(text_at(condition, {"reason"}))});
    }
    const std::string text = writer.take();
    const std::vector<std::string_view> lines = split(text, '\n');
    for (std::size_t i = 0; i <= list.size(); ++i) {
      out_ += fmt::format("  {}\n", lines[i]);
      if (i == 0) continue;
      const std::string message = plain(text_at(list[i - 1], {"message"}));
      if (!trim(message).empty()) out_ += detail::wrapped(message, 6, detail::kColumns);
    }
  }

  void children() {
    std::set<const Json*> seen{&object_};
    std::string tree;
    branches(object_, "  ", 0, seen, tree);
    if (!tree.empty()) out_ += "Children:\n" + tree;
  }

  void branches(const Json& parent, const std::string& indent, std::size_t depth,
                std::set<const Json*>& seen, std::string& tree) {
    if (depth >= kDepthMax) return;
    std::vector<const Json*> list = world_.children_of(parent);
    // Each once, and no history: revisions are not what runs.
    std::erase_if(list, [&](const Json* child) {
      return kind_of(*child) == "ControllerRevision" || !seen.insert(child).second;
    });
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (seen.size() > kChildrenMax) {
        tree += fmt::format("{}... and more\n", indent);
        return;
      }
      const bool last = i + 1 == list.size();
      const std::string how = readiness_of(*list[i]);
      tree +=
          fmt::format("{}{}{}/{}{}{}\n", indent, last ? "└─ " : "├─ ", kind_of(*list[i]),
                      text_at(*list[i], {"metadata", "name"}), how.empty() ? "" : "  ", plain(how));
      branches(*list[i], indent + (last ? "   " : "│  "), depth + 1, seen, tree);
    }
  }

  std::string state_of(const Json& status) const {
    const Json& state = map_at(status, {"state"});
    if (const Json* running = codec::find_key(state, "running")) {
      return fmt::format("running since {}", age_of(text_at(*running, {"startedAt"}), now_));
    }
    if (const Json* ended = codec::find_key(state, "terminated"))
      return "ended, " + exit_of(*ended);
    const std::string reason = text_at(state, {"waiting", "reason"});
    const std::string message = text_at(state, {"waiting", "message"});
    return fmt::format("waiting{}{}{}{}", reason.empty() ? "" : ": ", reason,
                       message.empty() ? "" : ": ", message);
  }
  std::string exit_of(const Json& ended) const {
    const std::string reason = text_at(ended, {"reason"});
    return fmt::format("exit code {}{}{}{}, {} ago", int_at(ended, {"exitCode"}),
                       reason.empty() ? "" : " (", reason, reason.empty() ? "" : ")",
                       age_of(text_at(ended, {"finishedAt"}), now_));
  }

  void pods() {
    const std::vector<const Json*> list = world_.pods_of(object_);
    if (list.empty()) return;
    out_ += "Pods:\n";
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i == kEventsMax) {
        out_ += fmt::format("  ... and {} more\n", list.size() - i);
        return;
      }
      const Json& pod = *list[i];
      out_ += fmt::format("  {}: {}\n", text_at(pod, {"metadata", "name"}), readiness_of(pod));
      for (const std::string_view kind : {"initContainerStatuses", "containerStatuses"}) {
        for (const Json& status : list_at(pod, {"status", kind})) container(status, kind);
      }
    }
  }

  void container(const Json& status, std::string_view kind) {
    const int restarts = int_at(status, {"restartCount"});
    std::string line = fmt::format("{}{}: {}", kind == "initContainerStatuses" ? "init " : "",
                                   text_at(status, {"name"}), state_of(status));
    if (codec::find_key(map_at(status, {"state"}), "running") != nullptr) {
      line += flag_at(status, {"ready"}) ? ", ready" : ", not ready";
    }
    if (restarts > 0) line += fmt::format(", {} restart{}", restarts, restarts == 1 ? "" : "s");
    if (const Json* last = find_path(status, {"lastState", "terminated"})) {
      line += fmt::format("; last: {}", exit_of(*last));
    }
    out_ += detail::wrapped(plain(line), 4, detail::kColumns);
  }

  void events() {
    std::vector<const Json*> list;
    for (const Json* member : world_.family_of(object_)) {
      std::ranges::move(world_.events_of(*member), std::back_inserter(list));
    }
    sort_events(list);
    if (list.empty()) return;
    out_ += "Events:\n";
    if (list.size() > kEventsMax) {
      out_ += fmt::format("  ({} older ones are left out)\n", list.size() - kEventsMax);
      list.erase(list.begin(), list.end() - static_cast<std::ptrdiff_t>(kEventsMax));
    }
    ColumnWriter writer;
    writer.add({"AGE", "TYPE", "REASON", "OBJECT", "MESSAGE"});
    for (const Json* event : list) {
      const int count = count_of_event(*event);
      const Json& about = map_at(*event, {"involvedObject"});
      std::string message = plain(trim(text_at(*event, {"message"})));
      if (message.size() > 2 * kTextMax) message = message.substr(0, 2 * kTextMax) + "...";
      writer.add(
          {age_of(time_of_event(*event), now_) + (count > 1 ? fmt::format(" (x{})", count) : ""),
           text_at(*event, {"type"}), plain(text_at(*event, {"reason"})),
           fmt::format("{}/{}", text_at(about, {"kind"}), text_at(about, {"name"})), message});
    }
    table(writer);
  }

  const Json& object_;
  const World& world_;
  const WallTime now_;
  std::string out_;
};

}  // namespace

std::string render_description(const Json& object, const World& world, WallTime now) {
  return Description(object, world, now).take();
}

Result<void> run_describe(const Context& context, const Cluster& cluster,
                          const std::vector<std::string>& arguments) {
  ASSIGN_OR_RETURN(const Kinds kinds, discover(context, cluster.client));
  ASSIGN_OR_RETURN(const auto targets, parse_targets(kinds, arguments));
  std::size_t shown = 0;
  for (const Target& target : targets) {
    std::vector<Json> objects;
    for (const std::string& name : target.names) {
      ASSIGN_OR_RETURN(Json object, cluster.client.get(context, target.kind.type,
                                                       key_for(cluster, target.kind, name)));
      objects.push_back(std::move(object));
    }
    if (target.names.empty()) {
      RETURN_IF_ERROR(cluster.client.list(
          context, target.kind.type, {.ns = namespace_for(cluster, target.kind)},
          [&](std::vector<Json> items) { std::ranges::move(items, std::back_inserter(objects)); }));
    }
    if (objects.empty()) {
      cluster.output.err(fmt::format("No {} found\n", target.kind.type.plural));
      continue;
    }
    ASSIGN_OR_RETURN(
        const World world,
        gather(context, cluster.client, namespace_for(cluster, target.kind), Scope::kDescribe));
    for (const Json& object : objects) {
      if (shown++ > 0) cluster.output.out("\n\n");
      cluster.output.out(render_description(object, world, cluster.clock.wall_now()));
    }
  }
  return {};
}

}  // namespace rage::inspect
