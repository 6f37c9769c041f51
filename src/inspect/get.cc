#include "inspect/get.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "codec/go_text.h"
#include "codec/uri.h"
#include "inspect/documents.h"
#include "inspect/json_path.h"
#include "inspect/table.h"

namespace rage::inspect {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTableAccept =
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
constexpr int kPageSize = 500;
constexpr auto kGetWatchTimeout = 3600s;
constexpr auto kWatchPause = 1s;

// "workspace.kaito.sh", "pod": before the name in -o name and where kinds are mixed.
std::string qualified(const apis::ResourceType& type) {
  const std::string kind = to_lower_ascii(type.kind);
  return type.group.empty() ? kind : kind + "." + type.group;
}

void hide_managed_fields(Json& object) {
  if (object.contains("metadata") && object["metadata"].is_object()) {
    object["metadata"].erase("managedFields");
  }
}

// One run. One thread.
class Get final {
 public:
  Get(const Context& context, const Cluster& cluster, const GetCommand& command)
      : context_(context), cluster_(cluster), command_(command) {}

  Result<void> run() {
    ASSIGN_OR_RETURN(const Kinds kinds, discover(context_, cluster_.client));
    ASSIGN_OR_RETURN(const auto targets, parse_targets(kinds, command_.arguments));
    RETURN_IF_ERROR(check(targets));
    mixed_ = targets.size() > 1 && std::ranges::any_of(targets, [&](const Target& target) {
               return target.kind.type != targets.front().kind.type;
             });
    return is_table() ? tables(targets) : documents(targets);
  }

 private:
  bool is_table() const {
    return command_.format == GetFormat::kTable || command_.format == GetFormat::kWide ||
           command_.format == GetFormat::kTabSeparated;
  }

  Result<void> check(const std::vector<Target>& targets) const {
    const bool named =
        std::ranges::any_of(targets, [](const Target& target) { return !target.names.empty(); });
    if (named && cluster_.ns.empty() && targets.front().kind.type.namespaced) {
      return fail(ErrorCode::kInvalidArgument,
                  "an object's name is one namespace's: use -n NAMESPACE instead of -A");
    }
    if (named && !(command_.label_selector.empty() && command_.field_selector.empty())) {
      return fail(ErrorCode::kInvalidArgument, "give names or a selector, not both");
    }
    if (command_.watch && (targets.size() != 1 || targets.front().names.size() > 1)) {
      return fail(ErrorCode::kInvalidArgument, "--watch takes one kind, or one object");
    }
    return {};
  }

  // ---- Tables

  TableStyle style_of(const KindInfo& kind) const {
    return {.columns = command_.format == GetFormat::kWide ? Columns::kWide : Columns::kUsual,
            .cells = command_.format == GetFormat::kTabSeparated ? CellStyle::kTabbed
                                                                 : CellStyle::kPrinted,
            .with_namespace = cluster_.ns.empty() && kind.type.namespaced,
            .kind_prefix = mixed_ ? qualified(kind.type) : ""};
  }

  std::string path_of(const KindInfo& kind, std::string_view name, const std::string& next) const {
    std::string path = kube::resource_path(kind.type, namespace_for(cluster_, kind), name);
    if (!name.empty()) return path;
    path += fmt::format("?limit={}", kPageSize);
    const auto add = [&](std::string_view key, const std::string& value) {
      if (!value.empty()) path += fmt::format("&{}={}", key, codec::percent_encode(value));
    };
    add("labelSelector", command_.label_selector);
    add("fieldSelector", command_.field_selector);
    add("continue", next);
    return path;
  }

  Result<Table> fetch_table(const KindInfo& kind, std::string_view name, const std::string& next) {
    ASSIGN_OR_RETURN(const std::string reply,
                     fetch(context_, cluster_.client, path_of(kind, name, next), kTableAccept));
    return parse_table(reply);
  }

  // All pages of one kind, or one object.
  Result<Table> whole_table(const KindInfo& kind, std::string_view name) {
    ASSIGN_OR_RETURN(Table table, fetch_table(kind, name, ""));
    while (!table.next.empty()) {
      ASSIGN_OR_RETURN(Table page, fetch_table(kind, name, table.next));
      if (page.next == table.next) {
        return fail(ErrorCode::kDataLoss, "the server's list of {} does not end", kind.type.plural);
      }
      std::ranges::move(page.rows, std::back_inserter(table.rows));
      table.next = std::move(page.next);
    }
    return table;
  }

  Result<void> tables(const std::vector<Target>& targets) {
    std::optional<Error> missing;
    const KindInfo* before = nullptr;
    for (const Target& target : targets) {
      std::vector<std::string> names = target.names;
      if (names.empty()) names.emplace_back();
      for (const std::string& name : names) {
        auto table = whole_table(target.kind, name);
        if (!table && !name.empty() && table.error().code == ErrorCode::kNotFound) {
          if (missing) cluster_.output.err(missing->message + "\n");
          missing = std::move(table).error();  // The others are shown all the same.
          continue;
        }
        if (!table) return fail(std::move(table).error());
        show(target.kind, *table, before);
        if (command_.watch) return watch_table(target.kind, name, *std::move(table));
      }
    }
    flush();
    if (missing) return fail(*std::move(missing));
    if (shown_ == 0) say_nothing_found(targets);
    return {};
  }

  void show(const KindInfo& kind, const Table& table, const KindInfo*& before) {
    if (table.rows.empty()) return;
    const TableStyle style = style_of(kind);
    if (before == nullptr || before->type != kind.type) {
      flush();
      writer_ = ColumnWriter();  // Each kind's table has widths of its own.
      if (before != nullptr && command_.format != GetFormat::kTabSeparated) {
        cluster_.output.out("\n");
      }
      if (has_header()) writer_.add(header_cells(table.columns, style));
      before = &kind;
    }
    for (const Table::Row& row : table.rows) {
      writer_.add(row_cells(table.columns, row, style));
      ++shown_;
    }
  }

  bool has_header() const {
    return command_.headers && command_.format != GetFormat::kTabSeparated;
  }

  void flush() {
    if (command_.format != GetFormat::kTabSeparated) {
      cluster_.output.out(writer_.take());
      return;
    }
    cluster_.output.out(writer_.take_tabbed());
  }

  void say_nothing_found(const std::vector<Target>& targets) {
    const bool namespaced = std::ranges::all_of(
        targets, [](const Target& target) { return target.kind.type.namespaced; });
    cluster_.output.err(cluster_.ns.empty() || !namespaced
                            ? "No resources found\n"
                            : fmt::format("No resources found in {} namespace.\n", cluster_.ns));
  }

  // Until the context ends; the server ends each watch after a while, and forgets old versions.
  Result<void> watch_table(const KindInfo& kind, const std::string& name, Table seen) {
    flush();
    bool has_printed = !seen.rows.empty();
    while (true) {
      kube::WatchOptions options = watch_options(kind, name, seen.resource_version);
      options.accept = kTableAccept;
      const auto on_event = [&](const kube::WatchEvent& event) {
        auto table = table_of(event.object, seen.columns);
        if (!table) return true;
        if (event.type != kube::WatchEventType::kBookmark && !table->rows.empty()) {
          if (!has_printed && has_header()) {
            writer_.add(header_cells(table->columns, style_of(kind)));
          }
          has_printed = true;
          for (const Table::Row& row : table->rows) {
            writer_.add(row_cells(table->columns, row, style_of(kind)));
          }
          flush();
        }
        seen.columns = std::move(table->columns);
        if (!table->resource_version.empty()) seen.resource_version = table->resource_version;
        return true;
      };
      auto done = cluster_.client.watch(context_, kind.type, options, on_event);
      RETURN_IF_ERROR(context_.check());
      if (!done && kube::is_gone(done.error())) {
        ASSIGN_OR_RETURN(const Table now, whole_table(kind, name));
        seen.resource_version = now.resource_version;
      } else if (!done && done.error().code != ErrorCode::kUnavailable &&
                 done.error().code != ErrorCode::kDataLoss) {
        return done;
      }
      if (!cluster_.clock.sleep_for(kWatchPause, context_.stop)) return context_.check();
    }
  }

  kube::WatchOptions watch_options(const KindInfo& kind, const std::string& name,
                                   const std::string& version) const {
    return {.ns = namespace_for(cluster_, kind),
            .label_selector = command_.label_selector,
            .field_selector = name.empty() ? command_.field_selector : "metadata.name=" + name,
            .resource_version = version,
            .timeout = kGetWatchTimeout};
  }

  // ---- Documents

  Result<void> documents(const std::vector<Target>& targets) {
    std::vector<Json> found;
    bool single = false;
    std::string version;
    for (const Target& target : targets) {
      if (target.names.empty()) {
        ASSIGN_OR_RETURN(version, list(target.kind, found));
        continue;
      }
      single = targets.size() == 1 && target.names.size() == 1;
      for (const std::string& name : target.names) {
        ASSIGN_OR_RETURN(Json object, cluster_.client.get(context_, target.kind.type,
                                                          key_for(cluster_, target.kind, name)));
        version = text_at(object, {"metadata", "resourceVersion"});
        found.push_back(std::move(object));
      }
    }
    for (Json& object : found) hide_managed_fields(object);
    if (command_.watch) {
      for (const Json& object : found) RETURN_IF_ERROR(print_one(object));
      return watch_documents(targets.front(), version);
    }
    if (command_.format == GetFormat::kName) {
      for (const Json& object : found) RETURN_IF_ERROR(print_one(object));
      return {};
    }
    if (single) return print_one(found.front());
    Json all = {{"apiVersion", "v1"},
                {"items", Json::array()},
                {"kind", "List"},
                {"metadata", {{"resourceVersion", ""}}}};
    for (Json& object : found) all["items"].push_back(std::move(object));
    return print_one(all);
  }

  Result<std::string> list(const KindInfo& kind, std::vector<Json>& found) {
    return cluster_.client.list(
        context_, kind.type,
        {.ns = namespace_for(cluster_, kind),
         .label_selector = command_.label_selector,
         .field_selector = command_.field_selector},
        [&](std::vector<Json> items) { std::ranges::move(items, std::back_inserter(found)); });
  }

  Result<void> watch_documents(const Target& target, const std::string& version) {
    const std::string name = target.names.empty() ? "" : target.names.front();
    Result<void> printed;
    const auto on_event = [&](kube::WatchEvent event) {
      if (event.type == kube::WatchEventType::kBookmark) return true;
      hide_managed_fields(event.object);
      printed = print_one(event.object);
      return printed.has_value();
    };
    RETURN_IF_ERROR(cluster_.client.watch(context_, target.kind.type,
                                          watch_options(target.kind, name, version), on_event));
    return printed;
  }

  Result<void> print_one(const Json& object) {
    const Sink& out = cluster_.output.out;
    switch (command_.format) {
      case GetFormat::kJson:
        out(codec::render_go_json(object) + "\n");
        return {};
      case GetFormat::kYaml:
        if (std::exchange(shown_, shown_ + 1) > 0) out("---\n");
        out(codec::render_go_yaml(object));
        return {};
      case GetFormat::kName: {
        const std::string version = text_at(object, {"apiVersion"});
        const std::size_t slash = version.find('/');
        out(fmt::format("{}{}/{}\n", to_lower_ascii(kind_of(object)),
                        slash == std::string::npos ? "" : "." + version.substr(0, slash),
                        text_at(object, {"metadata", "name"})));
        return {};
      }
      case GetFormat::kJsonPath: {
        ASSIGN_OR_RETURN(const JsonPath path, JsonPath::parse_relaxed(command_.json_path));
        ASSIGN_OR_RETURN(const std::string text, path.render(object));
        out(text);
        return {};
      }
      case GetFormat::kTable:
      case GetFormat::kWide:
      case GetFormat::kTabSeparated:
        return {};
    }
    return {};
  }

  const Context& context_;
  const Cluster& cluster_;
  const GetCommand& command_;
  ColumnWriter writer_;
  bool mixed_ = false;
  std::size_t shown_ = 0;
};

}  // namespace

Result<void> set_format(GetCommand& command, std::string_view output) {
  static const std::map<std::string_view, GetFormat> formats = {
      {"", GetFormat::kTable},    {"wide", GetFormat::kWide}, {"json", GetFormat::kJson},
      {"yaml", GetFormat::kYaml}, {"name", GetFormat::kName}, {"tsv", GetFormat::kTabSeparated}};
  constexpr std::string_view kJsonPath = "jsonpath=";
  if (output.starts_with(kJsonPath)) {
    command.format = GetFormat::kJsonPath;
    command.json_path = output.substr(kJsonPath.size());
    RETURN_IF_ERROR(JsonPath::parse_relaxed(command.json_path));
    return {};
  }
  const auto found = formats.find(output);
  if (found == formats.end()) {
    return fail(ErrorCode::kInvalidArgument,
                "-o takes wide, json, yaml, name, tsv or jsonpath=..., not \"{}\"", output);
  }
  command.format = found->second;
  return {};
}

Result<void> run_get(const Context& context, const Cluster& cluster, const GetCommand& command) {
  return Get(context, cluster, command).run();
}

}  // namespace rage::inspect
