#include "kubeobjects/managed_fields.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "codec/documents.h"
#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

constexpr std::size_t kConflictsMax = 100;
constexpr std::string_view kApply = "Apply";
constexpr std::string_view kUpdate = "Update";

struct Entry {
  std::string manager;
  std::string operation;
  std::string api_version;
  std::string subresource;
  std::string time;
  FieldSet fields;
};

bool is_entry_of(const Entry& entry, const Manager& manager, std::string_view operation) {
  // An applier is one whatever version it speaks.
  return entry.manager == manager.name && entry.operation == operation &&
         entry.subresource == manager.subresource &&
         (operation == kApply || entry.api_version == manager.api_version);
}

std::vector<Entry> parse_entries(const Json& object) {
  std::vector<Entry> entries;
  const Json* metadata = codec::find_key(object, "metadata");
  const Json* list = metadata ? codec::find_key(*metadata, "managedFields") : nullptr;
  for (const Json& item : list != nullptr ? *list : Json::array()) {
    const Json* fields = codec::find_key(item, "fieldsV1");
    entries.push_back({.manager = codec::string_or(item, "manager", ""),
                       .operation = codec::string_or(item, "operation", ""),
                       .api_version = codec::string_or(item, "apiVersion", ""),
                       .subresource = codec::string_or(item, "subresource", ""),
                       .time = codec::string_or(item, "time", ""),
                       .fields = fields != nullptr ? parse_fields(*fields) : FieldSet()});
  }
  return entries;
}

void write_entries(std::vector<Entry> entries, Json& object) {
  // Appliers first, then by age, as the API server sorts them.
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    if (a.operation != b.operation) return a.operation < b.operation;
    if (a.time != b.time) return a.time < b.time;
    return std::tie(a.manager, a.api_version, a.subresource) <
           std::tie(b.manager, b.api_version, b.subresource);
  });
  Json list = Json::array();
  for (const Entry& entry : entries) {
    if (entry.fields.empty()) continue;
    Json item = Json::object();
    item["manager"] = entry.manager;
    item["operation"] = entry.operation;
    item["apiVersion"] = entry.api_version;
    if (!entry.time.empty()) item["time"] = entry.time;
    item["fieldsType"] = "FieldsV1";
    item["fieldsV1"] = render_fields(entry.fields);
    if (!entry.subresource.empty()) item["subresource"] = entry.subresource;
    list.push_back(std::move(item));
  }
  if (list.empty()) {
    object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
}

// The object without what nobody owns: its identity and what the server sets itself.
Json ownable(const Json& object, const std::string& subresource) {
  Json result = object.is_object() ? object : Json::object();
  if (subresource == "status") {
    Json status = Json::object();
    if (const Json* found = codec::find_key(result, "status")) status["status"] = *found;
    return status;
  }
  result.erase("apiVersion");
  result.erase("kind");
  result.erase("status");
  const auto it = result.find("metadata");
  if (it == result.end() || !it->is_object()) return result;
  for (const char* key :
       {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"}) {
    it->erase(key);
  }
  if (it->empty()) result.erase(it);
  return result;
}

FieldSet owned_by_any(const std::vector<Entry>& entries) {
  FieldSet all;
  for (const Entry& entry : entries) all = union_of(all, entry.fields);
  return all;
}

Entry& ensure_entry(std::vector<Entry>& entries, const Manager& manager,
                    std::string_view operation) {
  const auto it = std::ranges::find_if(
      entries, [&](const Entry& entry) { return is_entry_of(entry, manager, operation); });
  if (it != entries.end()) return *it;
  return entries.emplace_back(Entry{.manager = manager.name,
                                    .operation = std::string(operation),
                                    .api_version = manager.api_version,
                                    .subresource = manager.subresource,
                                    .time = {},
                                    .fields = {}});
}

// Others' fields that `comparison` says are different now.
void take_from_others(std::vector<Entry>& entries, const Entry* own, const Comparison& comparison) {
  for (Entry& entry : entries) {
    if (&entry == own) continue;
    entry.fields =
        difference_of(difference_of(entry.fields, comparison.changed), comparison.removed);
  }
}

Error conflict_error(const std::vector<std::pair<const Entry*, FieldSet>>& conflicts) {
  StatusFacts facts{.http_status = 409, .reason = "Conflict"};
  std::string told;
  for (const auto& [entry, fields] : conflicts) {
    std::string who = fmt::format("conflict with \"{}\"", entry->manager);
    if (!entry->subresource.empty())
      who += fmt::format(" with subresource \"{}\"", entry->subresource);
    if (entry->operation == kUpdate) who += " using " + entry->api_version;
    const auto paths = paths_of(fields, kConflictsMax);
    if (!told.empty()) told += "\n";
    told += who + ":";
    for (const std::string& path : paths) {
      told += conflicts.size() == 1 && paths.size() == 1 ? " " + path : "\n- " + path;
      facts.causes.push_back({.reason = "FieldManagerConflict", .message = who, .field = path});
    }
  }
  const std::size_t count = facts.causes.size();
  return status_error(facts, fmt::format("Apply failed with {} conflict{}: {}", count,
                                         count == 1 ? "" : "s", told));
}

}  // namespace

Json track_update(const SchemaView& schema, const Json& live, Json wanted, const Manager& manager,
                  const std::string& now) {
  std::vector<Entry> entries = parse_entries(live);
  const Comparison comparison =
      compare(schema, ownable(live, manager.subresource), ownable(wanted, manager.subresource));
  Entry& own = ensure_entry(entries, manager, kUpdate);
  take_from_others(entries, &own, comparison);
  FieldSet fields = union_of(difference_of(own.fields, comparison.removed), comparison.changed);
  if (fields != own.fields || !comparison.changed.empty()) own.time = now;
  own.fields = std::move(fields);
  write_entries(std::move(entries), wanted);
  return wanted;
}

Merged merge_configuration(const SchemaView& schema, const Json& live, const Json& config,
                           const Manager& manager) {
  std::vector<Entry> entries = parse_entries(live);
  Json stated = config;
  if (const auto it = stated.find("metadata"); it != stated.end()) it->erase("managedFields");
  Json merged = merge_applied(schema, live, stated);
  Entry& own = ensure_entry(entries, manager, kApply);
  const FieldSet last = std::exchange(own.fields, FieldSet());
  own.fields = fields_of(schema, ownable(config, manager.subresource));
  prune_unowned(schema, merged, last, owned_by_any(entries));
  const bool same =
      codec::same_json(ownable(live, manager.subresource), ownable(merged, manager.subresource));
  return {.object = std::move(merged), .changes_something = !same};
}

Result<Json> track_apply(const SchemaView& schema, const Json& live, Json merged,
                         const Applied& applied, const Manager& manager, ApplyMode mode,
                         const std::string& now) {
  std::vector<Entry> entries = parse_entries(live);
  Entry& own = ensure_entry(entries, manager, kApply);
  const FieldSet stated = fields_of(schema, ownable(applied.config, manager.subresource));
  const Comparison comparison =
      compare(schema, ownable(live, manager.subresource), ownable(merged, manager.subresource));
  std::vector<std::pair<const Entry*, FieldSet>> conflicts;
  for (const Entry& entry : entries) {
    if (&entry == &own) continue;
    FieldSet both = intersection_of(intersection_of(entry.fields, comparison.changed), stated);
    if (!both.empty()) conflicts.emplace_back(&entry, std::move(both));
  }
  if (!conflicts.empty() && mode == ApplyMode::kRefuseConflicts) {
    return fail(conflict_error(conflicts));
  }
  take_from_others(entries, &own, comparison);
  // An apply that only takes note of an owner has no time.
  if (applied.changes_something) own.time = now;
  own.fields = stated;
  own.api_version = manager.api_version;
  write_entries(std::move(entries), merged);
  return merged;
}

}  // namespace rage::kubeobjects
