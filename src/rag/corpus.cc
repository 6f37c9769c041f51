#include "rag/corpus.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "base/check.h"
#include "base/strings.h"
#include "rag/untrusted.h"

namespace rage::rag {
namespace {

using codec::Json;

constexpr std::size_t kBodyBytesMax = std::size_t{1}
                                      << 20;  // Of one record; the rest is not looked into.

// "A, B and C" are three people.
std::vector<std::string> split_people(const std::string& value) {
  std::string text = value;
  for (const std::string_view word : {" and ", " & ", "; ", ", "}) {
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos;)
      text.replace(at, word.size(), "\n");
  }
  std::vector<std::string> people;
  for (const std::string_view part : split(text, '\n')) {
    if (!trim(part).empty()) people.emplace_back(trim(part));
  }
  return people;
}

std::string file_name(const Json& metadata) {
  for (const std::string_view key : {"file_name", "filename", "file_path", "path", "source"}) {
    const std::string value = codec::string_or(metadata, key, "");
    if (value.empty()) continue;
    const std::size_t slash = value.find_last_of("/\\");
    return slash == std::string::npos ? value : value.substr(slash + 1);
  }
  return {};
}

}  // namespace

std::shared_ptr<const Corpus> build_corpus(std::vector<Chunk> chunks) {
  return std::make_shared<const CorpusIndex>(std::move(chunks));
}

CorpusIndex::CorpusIndex(std::vector<Chunk> chunks) {
  std::vector<std::vector<const Chunk*>> documents;
  std::unordered_map<std::string_view, std::size_t> ids;
  for (const Chunk& chunk : chunks) {
    const auto [found, fresh] = ids.try_emplace(chunk.doc_id, documents.size());
    if (fresh) documents.emplace_back();
    documents[found->second].push_back(&chunk);
  }
  std::vector<const Json*> metadata;
  metadata.reserve(documents.size());
  for (const auto& parts : documents) metadata.push_back(&parts.front()->metadata);
  schema_ = learn_schema(metadata);
  structured_ =
      has_role(FieldRole::kTitle) &&
      (has_role(FieldRole::kPerson) || has_role(FieldRole::kPlace) || has_role(FieldRole::kStart) ||
       has_role(FieldRole::kDate) || has_role(FieldRole::kCategory) || has_role(FieldRole::kOther));
  records_.reserve(documents.size());
  for (const auto& parts : documents) add_record(parts);
  for (RecordId id = 0; id < records_.size(); ++id) index_record(id);
  finish();
}

bool CorpusIndex::has_role(FieldRole role) const {
  return std::ranges::any_of(schema_, [&](const FieldSchema& field) { return field.role == role; });
}

void CorpusIndex::read_field(const FieldSchema& field, std::size_t index, const Json& value,
                             Record& record) {
  for (std::string& text : metadata_values(value)) {
    if (field.role != FieldRole::kUrl && field.role != FieldRole::kBody) {
      text = visible_text(text);
      // A talk may be called "Ignore All Previous Instructions"; a room or a level may not.
      if (field.role != FieldRole::kTitle && is_instruction(text)) continue;
    }
    switch (field.role) {
      case FieldRole::kTitle:
        record.title = std::move(text);
        break;
      case FieldRole::kPerson:
        if (value.is_string()) {
          for (auto& person : split_people(text)) record.persons.push_back(std::move(person));
        } else {
          record.persons.push_back(std::move(text));
        }
        break;
      case FieldRole::kPlace:
        record.places.push_back(std::move(text));
        break;
      case FieldRole::kDate:
        record.date = parse_date(text);
        break;
      case FieldRole::kStart:
        if (!record.start) record.start = parse_time(text);
        if (const auto date = parse_date(text); date && !record.date) record.date = date;
        break;
      case FieldRole::kEnd:
        record.end = parse_time(text);
        break;
      case FieldRole::kCategory:
        record.categories.push_back({index, std::move(text)});
        break;
      case FieldRole::kUrl:
        if (record.url.empty() && field.words.size() <= 1) record.url = safe_url(text);
        break;
      case FieldRole::kBody:
        if (record.body.size() < text.size()) record.body = std::move(text);
        break;
      case FieldRole::kOther:
        record.others.push_back({index, std::move(text)});
        break;
      case FieldRole::kIgnored:
        break;
    }
  }
}

void CorpusIndex::add_record(const std::vector<const Chunk*>& chunks) {
  Record record;
  record.doc_id = chunks.front()->doc_id;
  const Json& metadata = chunks.front()->metadata;
  for (std::size_t i = 0; i < schema_.size(); ++i) {
    if (const Json* value = codec::find_key(metadata, schema_[i].key))
      read_field(schema_[i], i, *value, record);
  }
  if (record.title.empty()) record.title = visible_text(file_name(metadata));
  if (record.url.empty()) record.url = safe_url(codec::string_or(metadata, "url", ""));
  std::string all;
  for (const Chunk* chunk : chunks) {
    record.chunks.push_back(*chunk);
    if (all.size() + chunk->text.size() > kBodyBytesMax) continue;
    if (!all.empty()) all += '\n';
    all += chunk->text;
  }
  // A description that the text repeats stands for it; a short teaser does not.
  if (record.body.size() * 2 < all.size()) record.body = std::move(all);
  record.body = trusted_text(record.body, "");
  record.title_tokens = tokenize(record.title);
  by_document_.emplace(record.doc_id, static_cast<RecordId>(records_.size()));
  records_.push_back(std::move(record));
}

void CorpusIndex::add_term(RecordId id, const std::string& stem, TermPlace place) {
  auto& postings = terms_[stem];
  if (postings.empty() || postings.back().record != id) postings.push_back({id, 0});
  postings.back().places |= static_cast<std::uint8_t>(place);
}

void CorpusIndex::add_words(RecordId id, std::string_view text, TermPlace place) {
  const auto tokens = tokenize(text);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    add_term(id, token.stem, place);
    if (place != kInUrl) words_.insert(token.folded);
    if (!token.capital && !token.mixed && place == kInBody) lower_words_.insert(token.folded);
    // "multi-tenant" is also "multitenant".
    if (i > 0 && token.begin == tokens[i - 1].end + 1 && place != kInUrl) {
      const char between = text[tokens[i - 1].end];
      if (between == '-' || between == '.')
        add_term(id, tokens[i - 1].folded + token.folded, place);
    }
  }
}

void CorpusIndex::add_facet(FieldRole role, std::size_t field, const std::string& value,
                            RecordId id) {
  const std::string key =
      std::to_string(static_cast<int>(role)) + ":" + std::to_string(field) + ":" + fold_word(value);
  const auto [found, fresh] = facet_ids_.try_emplace(key, facets_.size());
  if (fresh) {
    facets_.push_back(Facet{
        .role = role, .field = field, .value = value, .tokens = tokenize(value), .records = {}});
    for (const Token& token : facets_.back().tokens) {
      auto& ids = facet_words_[token.folded];
      const auto facet = static_cast<std::uint32_t>(facets_.size() - 1);
      if (ids.empty() || ids.back() != facet) ids.push_back(facet);
    }
  }
  auto& records = facets_[found->second].records;
  if (records.empty() || records.back() != id) records.push_back(id);
}

void CorpusIndex::index_record(RecordId id) {
  const Record& record = records_[id];
  add_words(id, record.title, kInTitle);
  for (const auto& person : record.persons) {
    add_words(id, person, kInPerson);
    add_facet(FieldRole::kPerson, 0, person, id);
  }
  for (const auto& place : record.places) {
    add_words(id, place, kInPlace);
    add_facet(FieldRole::kPlace, 0, place, id);
  }
  for (const auto& [field, value] : record.categories) {
    add_words(id, value, kInCategory);
    add_facet(FieldRole::kCategory, field, value, id);
  }
  for (const auto& [field, value] : record.others) add_words(id, value, kInBody);
  add_words(id, record.body, kInBody);
  add_words(id, record.url, kInUrl);
  if (record.date) {
    weekdays_.insert(to_lower_ascii(weekday_name(*record.date)));
    years_.insert(record.date->year);
  }
}

void CorpusIndex::finish() {
  for (const std::string& word : words_) {
    if (word.size() < 4 || static_cast<unsigned char>(word[0]) >= 0x80) continue;
    const auto key = (static_cast<std::uint32_t>(static_cast<unsigned char>(word[0])) << 8) |
                     static_cast<std::uint32_t>(word.size());
    words_by_shape_[key].push_back(word);
  }
  // Hash order must not reach an answer.
  for (auto& [key, words] : words_by_shape_) std::ranges::sort(words);
  chronological_.resize(records_.size());
  for (RecordId id = 0; id < records_.size(); ++id) chronological_[id] = id;
  const auto key = [this](RecordId id) {
    const Record& r = records_[id];
    return std::tuple(!r.date.has_value(), r.date.value_or(Date{}), r.start.value_or(24 * 60),
                      r.end.value_or(24 * 60),
                      r.places.empty() ? std::string_view{} : std::string_view(r.places.front()),
                      std::string_view(r.title), id);
  };
  std::ranges::sort(chronological_, [&](RecordId a, RecordId b) { return key(a) < key(b); });
}

std::span<const std::uint32_t> CorpusIndex::facets_with(std::string_view folded) const {
  const auto found = facet_words_.find(std::string(folded));
  if (found == facet_words_.end()) return {};
  return found->second;
}

std::optional<RecordId> CorpusIndex::find_document(std::string_view doc_id) const {
  const auto found = by_document_.find(std::string(doc_id));
  if (found == by_document_.end()) return std::nullopt;
  return found->second;
}

std::span<const Posting> CorpusIndex::postings(std::string_view stem) const {
  const auto found = terms_.find(std::string(stem));
  if (found == terms_.end()) return {};
  return found->second;
}

std::uint8_t CorpusIndex::places_of(RecordId record, std::string_view stem) const {
  const auto list = postings(stem);
  const auto found = std::ranges::lower_bound(list, record, {}, &Posting::record);
  return found != list.end() && found->record == record ? found->places : std::uint8_t{0};
}

double CorpusIndex::idf(std::string_view stem) const {
  const auto n = static_cast<double>(records_.size());
  const auto df = static_cast<double>(postings(stem).size());
  return std::log(1.0 + (n - df + 0.5) / (df + 0.5));
}

std::span<const std::string> CorpusIndex::words_like(char first, std::size_t length) const {
  const auto key = (static_cast<std::uint32_t>(static_cast<unsigned char>(first)) << 8) |
                   static_cast<std::uint32_t>(length);
  const auto found = words_by_shape_.find(key);
  if (found == words_by_shape_.end()) return {};
  return found->second;
}

}  // namespace rage::rag
