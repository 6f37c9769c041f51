#include "cli/schedule_diff.h"

#include <algorithm>
#include <map>

#include "base/sha256.h"

namespace rage::cli {
namespace {

using codec::Json;

// "https://host/scale/23x/presentations/"
std::string folder_of(const std::string& url) {
  const std::size_t slash = url.rfind('/');
  return slash == std::string::npos ? std::string() : url.substr(0, slash + 1);
}

// Equal whatever the order of keys.
bool same(const Json& left, const Json& right) {
  return nlohmann::json(left) == nlohmann::json(right);
}

class Ownership final {
 public:
  Ownership(std::span<const Session> sessions, const std::string& owner) : owner_(owner) {
    for (const Session& session : sessions) folders_.insert(folder_of(session.url));
  }
  bool covers(const Json& metadata) const {
    const std::string owner = codec::string_or(metadata, kOwnerKey, "");
    if (!owner.empty()) return owner == owner_;
    return metadata.contains("title") && metadata.contains("url") &&
           folders_.contains(folder_of(codec::string_or(metadata, "url", "")));
  }

 private:
  const std::string& owner_;
  std::set<std::string, std::less<>> folders_;
};

}  // namespace

std::vector<FieldChange> changed_fields(const Session& before, const Session& after) {
  std::vector<FieldChange> changes;
  const auto compare = [&](const char* field, const std::string& was, const std::string& is) {
    if (was != is) changes.push_back({.field = field, .before = was, .after = is});
  };
  compare("title", before.title, after.title);
  compare("speakers", speaker_names(before), speaker_names(after));
  compare("topic", before.topic, after.topic);
  compare("audience", before.audience, after.audience);
  compare("location", before.location, after.location);
  compare("date", before.date, after.date);
  compare("start", before.start, after.start);
  compare("end", before.end, after.end);
  compare("description", before.description, after.description);
  const bool links = speaker_names(before) == speaker_names(after);
  if (links && before.speakers != after.speakers) {
    changes.push_back({.field = "speakers' addresses", .before = {}, .after = {}});
  }
  return changes;
}

ScheduleDiff diff_schedule(std::span<const Session> sessions,
                           std::span<const SourceDocument> documents,
                           const std::set<std::string, std::less<>>& kept,
                           std::span<const IndexedDocument> index, const std::string& owner) {
  ScheduleDiff diff;
  const Ownership ownership(sessions, owner);
  std::map<std::string, std::vector<const IndexedDocument*>> by_url;
  for (const IndexedDocument& document : index) {
    if (ownership.covers(document.metadata)) {
      by_url[codec::string_or(document.metadata, "url", "")].push_back(&document);
    }
  }
  diff.owned = by_url.size();
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const auto found = by_url.find(sessions[i].url);
    if (found == by_url.end()) {
      if (!kept.contains(sessions[i].url)) diff.added.push_back(i);
      continue;
    }
    const std::vector<const IndexedDocument*> present = std::move(found->second);
    by_url.erase(found);
    for (std::size_t k = 1; k < present.size(); ++k) diff.duplicates.push_back(present[k]->doc_id);
    const Json& before = present.front()->metadata;
    if (kept.contains(sessions[i].url) || same(before, documents[i].metadata)) {
      ++diff.unchanged;
      continue;
    }
    diff.changed.emplace_back(i, present.front()->doc_id);
    diff.fields.push_back(changed_fields(session_of_metadata(before), sessions[i]));
  }
  std::map<std::string, std::size_t> added_ids;
  for (const std::size_t i : diff.added) added_ids.emplace(sha256_hex(documents[i].text), i);
  for (const auto& [url, gone] : by_url) {
    for (const IndexedDocument* document : gone) {
      // A session that moved to another address with its text: the same document, and removing
      // the old would take the new.
      const auto moved = added_ids.find(document->doc_id);
      if (moved == added_ids.end()) {
        diff.removed.push_back(*document);
        continue;
      }
      std::erase(diff.added, moved->second);
      diff.changed.emplace_back(moved->second, document->doc_id);
      diff.fields.push_back(
          {{.field = "url", .before = url, .after = sessions[moved->second].url}});
      added_ids.erase(moved);
    }
  }
  return diff;
}

}  // namespace rage::cli
