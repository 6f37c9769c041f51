#include "inspect/logs.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "apis/kinds.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "inspect/documents.h"
#include "inspect/gather.h"

namespace rage::inspect {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLineBytesMax = 64 << 10;
constexpr int kTailOfSeveral = 10;
constexpr auto kPodsInterval = 2s;
constexpr int kLooksBetweenFamilies = 15;
constexpr auto kSilenceMax = std::chrono::hours(24);

// One run of one container.
struct Source {
  ObjectKey pod;
  std::string uid;
  std::string container;
  int run = 0;
  bool readable = false;  // It runs, or has.

  auto key() const { return std::tuple(uid, container, run); }
};

std::vector<std::string> container_names(const Json& pod, const LogsCommand& command) {
  std::vector<std::string> names;
  const bool everything = command.all_containers || !command.container.empty();
  for (const std::string_view list : {"initContainers", "containers"}) {
    if (list == "initContainers" && !everything) continue;
    for (const Json& container : list_at(pod, {"spec", list})) {
      names.push_back(text_at(container, {"name"}));
    }
  }
  if (command.all_containers) return names;
  if (!command.container.empty()) {
    std::erase_if(names, [&](const std::string& name) { return name != command.container; });
    return names;
  }
  const std::string main =
      text_at(pod, {"metadata", "annotations", "kubectl.kubernetes.io/default-container"});
  if (std::ranges::find(names, main) != names.end()) return {main};
  if (names.size() > 1) names.resize(1);
  return names;
}

Source source_of(const Json& pod, const std::string& container) {
  Source source{.pod = apis::parse_meta(pod).key(),
                .uid = text_at(pod, {"metadata", "uid"}),
                .container = container};
  for (const std::string_view list : {"initContainerStatuses", "containerStatuses"}) {
    for (const Json& status : list_at(pod, {"status", list})) {
      if (text_at(status, {"name"}) != container) continue;
      source.run = int_at(status, {"restartCount"});
      source.readable = find_path(status, {"state", "running"}) != nullptr ||
                        find_path(status, {"state", "terminated"}) != nullptr;
    }
  }
  return source;
}

bool has_ended(const Json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  return phase == "Succeeded" || phase == "Failed";
}

// Which pods are behind the named objects. One thread.
class PodFinder final {
 public:
  PodFinder(const Context& context, const Cluster& cluster, std::vector<NamedObject> objects)
      : context_(context), cluster_(cluster), objects_(std::move(objects)) {}

  Result<std::vector<Json>> find() {
    if (looks_++ % kLooksBetweenFamilies == 0) RETURN_IF_ERROR(find_families());
    std::vector<Json> pods;
    for (const std::string& ns : namespaces_) {
      RETURN_IF_ERROR(cluster_.client.list(context_, apis::builtin_type("Pod"), {.ns = ns},
                                           [&](std::vector<Json> items) {
                                             for (Json& pod : items) {
                                               if (is_wanted(pod)) pods.push_back(std::move(pod));
                                             }
                                           }));
    }
    std::ranges::sort(pods, {}, [](const Json& pod) { return apis::parse_meta(pod).key(); });
    return pods;
  }

 private:
  // What pods are known by: their owners, or themselves, or a service's selector.
  Result<void> find_families() {
    std::map<std::string, World> worlds;
    for (const NamedObject& object : objects_) {
      const std::string ns = namespace_for(cluster_, object.kind);
      ASSIGN_OR_RETURN(const Json document,
                       cluster_.client.get(context_, object.kind.type,
                                           key_for(cluster_, object.kind, object.name)));
      namespaces_.insert(ns);
      uids_.insert(text_at(document, {"metadata", "uid"}));
      const std::string kind = kind_of(document);
      if (kind == "Pod") continue;
      if (kind == "Service") {
        selectors_.push_back(strings_at(document, {"spec", "selector"}));
        continue;
      }
      if (!worlds.contains(ns)) {
        ASSIGN_OR_RETURN(worlds[ns], gather(context_, cluster_.client, ns, Scope::kFamily));
      }
      for (const Json* member : worlds[ns].family_of(document)) {
        uids_.insert(text_at(*member, {"metadata", "uid"}));
      }
    }
    return {};
  }

  bool is_wanted(const Json& pod) const {
    if (uids_.contains(text_at(pod, {"metadata", "uid"}))) return true;
    for (const Json& owner : list_at(pod, {"metadata", "ownerReferences"})) {
      if (uids_.contains(text_at(owner, {"uid"}))) return true;
    }
    return std::ranges::any_of(
        selectors_, [&](const apis::StringMap& selector) { return has_labels(pod, selector); });
  }

  const Context& context_;
  const Cluster& cluster_;
  const std::vector<NamedObject> objects_;
  std::set<std::string> namespaces_;
  std::set<std::string> uids_;
  std::vector<apis::StringMap> selectors_;
  int looks_ = 0;
};

// Writes lines of several logs, each whole. Thread-safe.
class Lines final {
 public:
  explicit Lines(const Output& output) : output_(output) {}
  void write(std::string_view prefix, std::string_view line) {
    MutexLock lock(mutex_);
    output_.out(fmt::format("{}{}\n", prefix, line));
  }
  void complain(std::string_view message) {
    MutexLock lock(mutex_);
    output_.err(fmt::format("{}\n", message));
  }

 private:
  Mutex mutex_;
  const Output& output_;
};

// One run. Owns a thread for each log that is followed.
class Logs final {
 public:
  Logs(const Context& context, const Cluster& cluster, const LogsCommand& command,
       std::vector<NamedObject> objects)
      : context_(context),
        cluster_(cluster),
        command_(command),
        finder_(context, cluster, std::move(objects)),
        lines_(cluster.output) {}

  Result<void> run() {
    ASSIGN_OR_RETURN(std::vector<Json> pods, finder_.find());
    std::vector<Source> sources = sources_of(pods);
    RETURN_IF_ERROR(check(pods, sources));
    many_ = sources.size() > 1;
    several_ = command_.prefix || many_;
    if (!command_.follow) return print_all(sources);
    while (true) {
      start_new(sources);
      const bool over = !pods.empty() && std::ranges::all_of(pods, has_ended);
      if (over && reap()) return {};
      if (!cluster_.clock.sleep_for(kPodsInterval, context_.stop)) return context_.check();
      auto next = finder_.find();
      if (!next && next.error().code == ErrorCode::kUnavailable) continue;
      if (!next) return fail(std::move(next).error());
      pods = *std::move(next);
      sources = sources_of(pods);
      several_ = several_ || sources.size() > 1;
    }
  }

 private:
  struct Follower {
    std::atomic<bool> done = false;
    std::jthread thread;  // Last: it ends before what it uses.
  };

  std::vector<Source> sources_of(const std::vector<Json>& pods) const {
    std::vector<Source> sources;
    for (const Json& pod : pods) {
      for (const std::string& name : container_names(pod, command_)) {
        sources.push_back(source_of(pod, name));
      }
    }
    return sources;
  }

  Result<void> check(const std::vector<Json>& pods, const std::vector<Source>& sources) const {
    if (pods.empty() && !command_.follow) {
      return fail(ErrorCode::kNotFound, "there is no pod behind {} yet; `rage doctor {}` says why",
                  join(command_.arguments, " "), join(command_.arguments, "/"));
    }
    if (sources.empty() && !pods.empty() && !command_.container.empty()) {
      std::vector<std::string> names;
      for (const Json& container : list_at(pods.front(), {"spec", "containers"})) {
        names.push_back(text_at(container, {"name"}));
      }
      return fail(ErrorCode::kNotFound, "no container {} in these pods; they have {}",
                  command_.container, join(names, ", "));
    }
    if (sources.size() > static_cast<std::size_t>(command_.streams_max)) {
      return fail(ErrorCode::kResourceExhausted,
                  "that is {} logs at once; name one pod, or raise --max-log-requests from {}",
                  sources.size(), command_.streams_max);
    }
    return {};
  }

  std::string prefix_of(const Source& source) const {
    return several_ ? fmt::format("[pod/{}/{}] ", source.pod.name, source.container) : "";
  }

  LogQuery query_of(const Source& source, bool from_start) const {
    const int all = many_ ? kTailOfSeveral : -1;
    return {.container = source.container,
            .follow = command_.follow,
            .previous = command_.previous,
            .timestamps = command_.timestamps,
            .tail_lines = from_start                 ? -1
                          : command_.tail_lines >= 0 ? command_.tail_lines
                                                     : all,
            .since_seconds = from_start ? 0 : command_.since_seconds};
  }

  Result<void> print(const Context& context, const Source& source, const LogQuery& query,
                     const std::string& prefix) {
    LineSplitter splitter;
    const Sink on_line = [&](std::string_view line) { lines_.write(prefix, line); };
    const auto done = cluster_.client.stream_raw(context, log_path(source.pod, query),
                                                 {.accept = "*/*", .idle_timeout = kSilenceMax},
                                                 [&](std::string_view bytes) {
                                                   splitter.feed(bytes, on_line);
                                                   return true;
                                                 });
    splitter.finish(on_line);
    return done;
  }

  // One that cannot be read does not hide the others.
  Result<void> print_all(const std::vector<Source>& sources) {
    std::size_t read = 0;
    std::optional<Error> failure;
    for (const Source& source : sources) {
      const auto done = print(context_, source, query_of(source, false), prefix_of(source));
      if (done) {
        ++read;
        continue;
      }
      if (failure) lines_.complain(failure->message);
      failure = done.error();
    }
    if (!failure) return {};
    if (read == 0) return fail(*std::move(failure));
    lines_.complain(failure->message);
    return {};
  }

  void start_new(const std::vector<Source>& sources) {
    (void)reap();
    for (const Source& source : sources) {
      if (!source.readable || seen_.contains(source.key())) continue;
      if (followers_.size() >= static_cast<std::size_t>(command_.streams_max)) return;
      seen_.insert(source.key());
      // A later run is read from its first line; of the first one only what was asked for.
      const LogQuery query = query_of(source, started_ && source.run > 0);
      Follower& follower = followers_.emplace_back();
      follower.thread = std::jthread(
          [this, &follower, source, query, prefix = prefix_of(source)](std::stop_token stop) {
            Context own = context_;
            own.stop = std::move(stop);
            const auto done = print(own, source, query, prefix);
            if (!done && done.error().code != ErrorCode::kCancelled) {
              lines_.complain(fmt::format("{}/{}: {}", source.pod.name, source.container,
                                          done.error().message));
            }
            follower.done = true;
          });
    }
    started_ = true;
  }

  // True if none is left.
  bool reap() {
    followers_.remove_if([](const Follower& follower) { return follower.done.load(); });
    return followers_.empty();
  }

  const Context& context_;
  const Cluster& cluster_;
  const LogsCommand& command_;
  PodFinder finder_;
  Lines lines_;
  bool many_ = false;     // From the start: then not all of each.
  bool several_ = false;  // A line says whose it is.
  bool started_ = false;
  std::set<std::tuple<std::string, std::string, int>> seen_;
  std::list<Follower> followers_;  // Last: its threads use the rest.
};

}  // namespace

void LineSplitter::feed(std::string_view bytes, const Sink& on_line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::size_t room = kLineBytesMax - pending_.size();
    const std::string_view part = bytes.substr(0, std::min(end, room));
    pending_ += part;
    bytes.remove_prefix(part.size());
    const bool complete = bytes.starts_with('\n');
    if (complete) bytes.remove_prefix(1);
    if (complete || pending_.size() >= kLineBytesMax) on_line(std::exchange(pending_, {}));
  }
}

void LineSplitter::finish(const Sink& on_line) {
  if (!pending_.empty()) on_line(std::exchange(pending_, {}));
}

Result<void> run_logs(const Context& context, const Cluster& cluster, const LogsCommand& command) {
  ASSIGN_OR_RETURN(const Kinds kinds, discover(context, cluster.client));
  std::vector<std::string> arguments = command.arguments;
  // As with kubectl, a lone name is a pod's.
  if (arguments.size() == 1 && arguments[0].find('/') == std::string::npos) {
    arguments = {"pod", arguments[0]};
  }
  ASSIGN_OR_RETURN(auto objects, parse_named(kinds, arguments));
  return Logs(context, cluster, command, std::move(objects)).run();
}

}  // namespace rage::inspect
