// What grounding knows of an index: records with typed fields, the values each field takes, and
// which words occur where. Built once per index version; small lookups afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "rag/document.h"
#include "rag/facts.h"
#include "rag/grounding.h"
#include "rag/grounding_tokens.h"

namespace rage::rag {

using RecordId = std::uint32_t;  // Index into CorpusIndex::records().

// What a metadata key means, learned from its name and its values.
enum class FieldRole {
  kTitle,
  kPerson,
  kPlace,
  kDate,
  kStart,
  kEnd,
  kCategory,  // Few values, shared by many records: track, level, brand.
  kUrl,
  kBody,     // Long text.
  kOther,    // A value of its own: price, capacity, ISBN.
  kIgnored,  // Of the file, not of its content: size, hash, time of change.
};

struct FieldSchema {
  std::string key;                 // As in the metadata.
  std::vector<std::string> words;  // "StartTime" -> start, time; stems.
  FieldRole role = FieldRole::kOther;
  bool numeric = false;   // kOther and kCategory: the values are numbers, perhaps with a unit.
  std::string unit = {};  // Of all these numbers, as in amount.h; empty: none, or not one.
};

// Learns the roles of all keys that occur in `metadata` (objects), in order of first appearance.
std::vector<FieldSchema> learn_schema(std::span<const codec::Json* const> metadata);
// The strings a metadata value stands for: itself, an array's items, the `name` of objects.
std::vector<std::string> metadata_values(const codec::Json& value);

struct FieldValue {
  std::size_t field = 0;  // Index into CorpusIndex::schema().
  std::string value;
};

// Where a word stands in a record; a set of bits.
enum TermPlace : std::uint8_t {
  kInTitle = 1,
  kInPerson = 2,
  kInPlace = 4,
  kInCategory = 8,
  kInBody = 16,
  kInUrl = 32,
};

struct Record {
  std::string doc_id;
  std::string title;  // Or the file's name; may be empty.
  std::string url;
  std::string body;  // The long text without what fields repeat, if a field holds it; else all
                     // text. trusted_text(): nothing hidden, no orders to an assistant.
  std::vector<std::string> persons;
  std::vector<std::string> places;
  std::vector<FieldValue> categories;
  std::vector<FieldValue> others;
  std::optional<Date> date;
  std::optional<int> start;  // Minutes since midnight.
  std::optional<int> end;
  std::vector<Token> title_tokens;
  std::vector<Chunk> chunks;
};

// A value that records share: a room, a person, a track.
struct Facet {
  FieldRole role = FieldRole::kCategory;
  std::size_t field = 0;
  std::string value;
  std::vector<Token> tokens;
  std::vector<RecordId> records;  // Ascending.
};

struct Posting {
  RecordId record = 0;
  std::uint8_t places = 0;  // TermPlace bits.
};

// Value, immutable, Thread-safe.
class CorpusIndex final : public Corpus {
 public:
  explicit CorpusIndex(std::vector<Chunk> chunks);

  const std::vector<Record>& records() const { return records_; }
  const std::vector<FieldSchema>& schema() const { return schema_; }
  const std::vector<Facet>& facets() const { return facets_; }
  // Facets whose value contains the folded word.
  std::span<const std::uint32_t> facets_with(std::string_view folded) const;
  // True if documents are records: a title and at least one typed field.
  bool structured() const { return structured_; }
  bool has_role(FieldRole role) const;
  bool has_weekday(std::string_view weekday) const {
    return weekdays_.contains(std::string(weekday));
  }
  bool has_year(int year) const { return years_.contains(year); }

  std::optional<RecordId> find_document(std::string_view doc_id) const;
  std::span<const Posting> postings(std::string_view stem) const;
  std::uint8_t places_of(RecordId record, std::string_view stem) const;  // 0: nowhere.
  bool knows_stem(std::string_view stem) const { return !postings(stem).empty(); }
  bool knows_word(std::string_view folded) const { return words_.contains(std::string(folded)); }
  // True if some text writes the word with a small first letter: it is no name alone.
  bool is_common_word(std::string_view folded) const {
    return lower_words_.contains(std::string(folded));
  }
  // BM25's idf; also of stems that occur nowhere.
  double idf(std::string_view stem) const;
  // Words of `length` bytes beginning with `first`, for typing errors.
  std::span<const std::string> words_like(char first, std::size_t length) const;
  // By date, time and place; records without a date last.
  const std::vector<RecordId>& chronological() const { return chronological_; }

 private:
  void add_record(const std::vector<const Chunk*>& chunks);
  void read_field(const FieldSchema& field, std::size_t index, const codec::Json& value,
                  Record& record);
  void add_words(RecordId id, std::string_view text, TermPlace place);
  void add_term(RecordId id, const std::string& stem, TermPlace place);
  void add_facet(FieldRole role, std::size_t field, const std::string& value, RecordId id);
  void index_record(RecordId id);
  void finish();

  std::vector<Record> records_;
  std::vector<FieldSchema> schema_;
  std::vector<Facet> facets_;
  bool structured_ = false;
  std::unordered_map<std::string, RecordId> by_document_;
  std::unordered_map<std::string, std::vector<Posting>> terms_;
  std::unordered_map<std::string, std::size_t> facet_ids_;
  std::unordered_map<std::string, std::vector<std::uint32_t>> facet_words_;
  std::unordered_set<std::string> words_;
  std::unordered_set<std::string> lower_words_;
  std::unordered_set<std::string> weekdays_;
  std::unordered_set<int> years_;
  std::unordered_map<std::uint32_t, std::vector<std::string>> words_by_shape_;
  std::vector<RecordId> chronological_;
};

}  // namespace rage::rag
