// Roles of metadata keys: the values' shapes decide, common names of keys help.
#include <algorithm>
#include <array>
#include <initializer_list>
#include <unordered_map>
#include <unordered_set>

#include "base/strings.h"
#include "rag/amount.h"
#include "rag/corpus.h"
#include "text/analyzer.h"

namespace rage::rag {
namespace {

using codec::Json;

constexpr std::size_t kSampleMax = 2000;  // Values looked at for one key.
constexpr std::size_t kKeysMax = 64;      // Keys beyond are not understood.

struct KeyStats {
  std::string key;
  std::size_t filled = 0;
  std::size_t bytes = 0;
  std::size_t dates = 0;
  std::size_t times = 0;
  std::size_t urls = 0;
  std::size_t numbers = 0;
  std::size_t quantities = 0;
  std::unordered_set<std::string> units = {};
  std::unordered_set<std::string> distinct = {};

  bool mostly(std::size_t count) const { return filled > 0 && count * 10 >= filled * 8; }
};

// "StartTime", "start_time" and "start-time" are start, time.
std::vector<std::string> key_words(std::string_view key) {
  std::string spaced;
  for (std::size_t i = 0; i < key.size() && i < 64; ++i) {
    const bool upper = key[i] >= 'A' && key[i] <= 'Z';
    const bool after_lower = i > 0 && key[i - 1] >= 'a' && key[i - 1] <= 'z';
    if (upper && after_lower) spaced += ' ';
    spaced += key[i] == '_' || key[i] == '.' ? ' ' : key[i];
  }
  std::vector<std::string> words;
  for (Token& token : tokenize(spaced)) words.push_back(std::move(token.stem));
  return words;
}

bool any_of(const std::vector<std::string>& words, std::initializer_list<std::string_view> stems) {
  return std::ranges::any_of(words, [&](const std::string& word) {
    return std::ranges::any_of(stems,
                               [&](std::string_view stem) { return word == text::stem(stem); });
  });
}

FieldRole role_of(const KeyStats& stats, const std::vector<std::string>& words,
                  std::size_t records) {
  const bool of_file =
      any_of(words, {"created", "creation",  "modified",  "updated",  "accessed", "indexed",
                     "file",    "size",      "hash",      "sha256",   "mime",     "id",
                     "uuid",    "timestamp", "path",      "photo",    "image",    "avatar",
                     "picture", "icon",      "thumbnail", "checksum", "etag",     "split"});
  if (of_file) return FieldRole::kIgnored;
  if (stats.mostly(stats.urls)) return FieldRole::kUrl;
  const bool dated = stats.mostly(stats.dates);
  const bool timed = stats.mostly(stats.times);
  if (timed)
    return any_of(words, {"end", "finish", "until", "close", "to"}) ? FieldRole::kEnd
                                                                    : FieldRole::kStart;
  if (dated) {
    if (any_of(words, {"end", "finish", "until"})) return FieldRole::kOther;
    return FieldRole::kDate;
  }
  if (any_of(words, {"speaker", "speakers", "author",       "presenter",  "instructor",
                     "teacher", "lecturer", "artist",       "people",     "person",
                     "by",      "host",     "moderator",    "panelist",   "contributor",
                     "writer",  "designer", "creator",      "maker",      "inventor",
                     "editor",  "composer", "photographer", "maintainer", "owner"})) {
    return FieldRole::kPerson;
  }
  if (any_of(words, {"location", "room", "venue", "place", "hall", "where", "stage", "store",
                     "shop", "branch", "building", "warehouse"}))
    return FieldRole::kPlace;
  const std::size_t mean = stats.bytes / std::max<std::size_t>(stats.filled, 1);
  const bool varied = stats.distinct.size() * 2 > stats.filled;
  if (any_of(words, {"title", "name", "headline", "subject", "heading"}) && mean <= 200 &&
      (varied || records < 3)) {
    return FieldRole::kTitle;
  }
  if (mean > 120 ||
      any_of(words, {"description", "abstract", "text", "content", "body", "summary"})) {
    return FieldRole::kBody;
  }
  if (stats.mostly(stats.numbers)) return FieldRole::kOther;
  const bool named = any_of(
      words, {"topic", "track", "category", "audience", "level", "type", "tag", "tags", "genre",
              "brand", "status", "kind", "language", "section", "group", "theme", "series"});
  const bool few = stats.filled >= 4 && stats.distinct.size() * 10 <= stats.filled * 6;
  if (mean <= 48 && (named || few) && stats.distinct.size() <= 500) return FieldRole::kCategory;
  return FieldRole::kOther;
}

void count_value(KeyStats& stats, const std::string& value) {
  ++stats.filled;
  stats.bytes += value.size();
  if (stats.distinct.size() < kSampleMax) stats.distinct.insert(value.substr(0, 64));
  if (value.starts_with("http://") || value.starts_with("https://")) ++stats.urls;
  if (value.size() > 48) return;
  const std::string_view trimmed = trim(value);
  if (parse_double(trimmed)) ++stats.numbers;
  if (const auto amount = parse_amount(trimmed)) {
    ++stats.quantities;
    if (stats.units.size() < 2) stats.units.insert(amount->unit);
  }
  if (parse_date(trimmed)) ++stats.dates;
  if (parse_time(trimmed)) ++stats.times;
}

// One title only: "title" before "name" before the rest.
void keep_one_title(std::vector<FieldSchema>& schema) {
  const FieldSchema* best = nullptr;
  const auto rank = [](const FieldSchema& field) {
    return any_of(field.words, {"title"}) ? 0 : any_of(field.words, {"name"}) ? 1 : 2;
  };
  for (const FieldSchema& field : schema) {
    if (field.role == FieldRole::kTitle && (best == nullptr || rank(field) < rank(*best)))
      best = &field;
  }
  for (FieldSchema& field : schema) {
    if (field.role == FieldRole::kTitle && &field != best) field.role = FieldRole::kOther;
  }
}

}  // namespace

std::vector<std::string> metadata_values(const Json& value) {
  std::vector<std::string> values;
  const auto add = [&](const Json& item) {
    if (item.is_string()) {
      const auto text = trim(item.get_ref<const std::string&>());
      if (!text.empty()) values.emplace_back(text);
    } else if (item.is_number()) {
      std::string number = item.dump();
      if (number.ends_with(".0")) number.resize(number.size() - 2);
      values.push_back(std::move(number));
    } else if (item.is_object()) {
      for (const std::string_view key : {"name", "title", "label", "value"}) {
        const std::string text = codec::string_or(item, key, "");
        if (text.empty()) continue;
        values.push_back(text);
        break;
      }
    }
  };
  if (value.is_array()) {
    for (std::size_t i = 0; i < value.size() && i < 64; ++i) add(value[i]);
  } else {
    add(value);
  }
  return values;
}

std::vector<FieldSchema> learn_schema(std::span<const Json* const> metadata) {
  std::vector<KeyStats> stats;
  std::unordered_map<std::string, std::size_t> index;
  std::size_t seen = 0;
  for (const Json* object : metadata) {
    if (!object->is_object() || ++seen > kSampleMax) continue;
    for (const auto& [key, value] : object->items()) {
      auto found = index.find(key);
      if (found == index.end()) {
        if (stats.size() >= kKeysMax) continue;
        found = index.emplace(key, stats.size()).first;
        stats.push_back(KeyStats{.key = key});
      }
      for (const std::string& text : metadata_values(value))
        count_value(stats[found->second], text);
    }
  }
  std::vector<FieldSchema> schema;
  for (const KeyStats& key : stats) {
    auto words = key_words(key.key);
    const FieldRole role = role_of(key, words, metadata.size());
    const bool numeric =
        (role == FieldRole::kOther || role == FieldRole::kCategory) && key.mostly(key.quantities);
    schema.push_back(
        FieldSchema{.key = key.key,
                    .words = std::move(words),
                    .role = role,
                    .numeric = numeric,
                    .unit = numeric && key.units.size() == 1 ? *key.units.begin() : ""});
  }
  keep_one_title(schema);
  return schema;
}

}  // namespace rage::rag
