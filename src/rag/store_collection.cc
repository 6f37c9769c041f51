#include "rag/store_collection.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <ranges>

#include "base/strings.h"
#include "rag/chunk_places.h"
#include "rag/dense_search.h"
#include "rag/hashes.h"

namespace rage::rag {
namespace {

using namespace std::chrono_literals;
using vectordb::StoredChunk;
using Sequences = std::vector<std::int64_t>;

constexpr auto kWriteMost = 60s;
constexpr auto kLoadMost = 10min;              // Of a whole index.
constexpr std::size_t kChunksMax = 2'000'000;  // Of an index; its texts are kept in memory.
constexpr std::size_t kReadRows = 500;         // Chunks a request.
constexpr int kReadTries = 8;                  // While others change what is read,
constexpr int kWriteTries = 100;               // or write the same documents.

std::unexpected<Error> changing(std::string_view name) {
  return fail(Error{.code = ErrorCode::kUnavailable,
                    .message = fmt::format(
                        "index '{}' is being changed by others at the moment: try again", name),
                    .retry_after = 1s});
}

Sequences live_sequences(const Snapshot& snapshot) {
  Sequences sequences;
  snapshot.for_each_row([&](const Row& row) {
    sequences.push_back(row.sequence);
    return true;
  });
  return sequences;
}

// Rows that the filter allows.
Sequences allowed_sequences(const Snapshot& snapshot, std::span<const text::RowSet> allowed) {
  Sequences sequences;
  for_each_allowed(snapshot, allowed,
                   [&](Place, const Row& row) { sequences.push_back(row.sequence); });
  return sequences;
}

std::optional<Place> find_live(const Snapshot& snapshot, std::int64_t sequence) {
  const auto place = find_sequence(snapshot, sequence);
  if (!place) return std::nullopt;
  const SegmentRef& ref = snapshot.segments[place->first];
  if (ref.deleted && ref.deleted->contains(place->second)) return std::nullopt;
  return place;
}

void append_chunks(const PreparedDocument& document, std::vector<StoredChunk>& chunks) {
  ChunkPlaces places;
  for (std::size_t i = 0; i < document.chunk_texts.size(); ++i) {
    const std::string& text = document.chunk_texts[i];
    const auto vector = document.vectors.row(i);
    const bool whole = i > 0 || text == document.document.text;
    chunks.push_back({.doc_id = document.doc_id,
                      .node_id = random_uuid(),
                      .text = text,
                      .document = whole ? std::string() : document.document.text,
                      .begin = places.next(document.doc_id, document.document.text, text),
                      .metadata = document.document.metadata,
                      .vector = {vector.begin(), vector.end()}});
  }
}

Row row_of(const StoredChunk& stored) {
  return {.sequence = stored.sequence,
          .chunk = std::make_shared<const Chunk>(Chunk{.doc_id = stored.doc_id,
                                                       .node_id = stored.node_id,
                                                       .text = stored.text,
                                                       .metadata = stored.metadata,
                                                       .begin = stored.begin})};
}

}  // namespace

StoreCollection::StoreCollection(vectordb::VectorStore& store, std::string_view name,
                                 const vectordb::StoredIndex& index)
    : store_(store),
      name_(name),
      id_(index.id),
      embedder_({.id = index.embedder, .dimension = index.dimension}),
      snapshot_(std::make_shared<const Snapshot>()) {}

std::shared_ptr<const Snapshot> StoreCollection::snapshot() const {
  return snapshot_.with([](const auto& current) { return current; });
}

std::optional<GroundingMode> StoreCollection::grounding_mode() const {
  return grounding_mode_.with([](const auto& mode) { return mode; });
}

Result<void> StoreCollection::set_grounding_mode(std::optional<GroundingMode> mode) {
  RETURN_IF_ERROR(store_.set_setting(Context::with_timeout(kWriteMost), name_,
                                     mode ? grounding_mode_name(*mode) : std::string_view()));
  grounding_mode_.with([&](auto& current) { current = mode; });
  return {};
}

Result<void> StoreCollection::follow(const vectordb::StoredIndex& seen) {
  // What a later version may have written is read as the strictest.
  std::optional<GroundingMode> mode;
  if (!seen.setting.empty()) {
    mode = parse_grounding_mode(seen.setting).value_or(GroundingMode::kStrict);
  }
  grounding_mode_.with([&](auto& current) { current = mode; });
  if (version_.with([&](const std::string& version) { return version == seen.version; })) return {};
  MutexLock lock(mirror_);
  return sync(Context::with_timeout(kLoadMost));
}

// What was read stays read while the rest is tried again: it ends although others write.
Result<StoreCollection::Loaded> StoreCollection::load(const Context& context,
                                                      std::span<const std::int64_t> known,
                                                      bool with_vectors) {
  Loaded loaded;
  for (int attempt = 0; attempt < kReadTries; ++attempt) {
    ASSIGN_OR_RETURN(const vectordb::StoredIndex index, store_.find_index(context, name_));
    if (index.id != id_) return changing(name_);
    loaded.version = index.version;
    ASSIGN_OR_RETURN(loaded.sequences, store_.sequences(context, name_));
    if (loaded.sequences.size() > kChunksMax) {
      return fail(ErrorCode::kResourceExhausted,
                  "index '{}' has {} chunks; this service takes {} into memory", name_,
                  loaded.sequences.size(), kChunksMax);
    }
    std::erase_if(loaded.chunks, [&](const StoredChunk& chunk) {
      return !std::ranges::binary_search(loaded.sequences, chunk.sequence);
    });
    Sequences have(known.begin(), known.end());
    for (const StoredChunk& chunk : loaded.chunks) have.push_back(chunk.sequence);
    std::ranges::sort(have);
    Sequences missing;
    std::ranges::set_difference(loaded.sequences, have, std::back_inserter(missing));
    const std::size_t whole = loaded.chunks.size() + missing.size();
    for (std::size_t at = 0; at < missing.size(); at += kReadRows) {
      const auto part = std::span(missing).subspan(at, std::min(kReadRows, missing.size() - at));
      ASSIGN_OR_RETURN(auto chunks, store_.read(context, name_, part, with_vectors));
      std::ranges::move(chunks, std::back_inserter(loaded.chunks));
    }
    std::ranges::sort(loaded.chunks, {}, &StoredChunk::sequence);
    if (loaded.chunks.size() == whole) return loaded;
  }
  return changing(name_);
}

Result<void> StoreCollection::sync(const Context& context) {
  const std::string current = version_.with([](const std::string& version) { return version; });
  ASSIGN_OR_RETURN(const vectordb::StoredIndex index, store_.find_index(context, name_));
  if (index.id == id_ && index.version == current) return {};
  const Sequences local = live_sequences(*snapshot());
  ASSIGN_OR_RETURN(const Loaded loaded, load(context, local, false));
  Sequences removed;
  std::ranges::set_difference(local, loaded.sequences, std::back_inserter(removed));
  apply(removed, loaded.chunks);
  version_.with([&](std::string& version) { version = loaded.version; });
  return {};
}

void StoreCollection::apply(std::span<const std::int64_t> removed,
                            std::span<const StoredChunk> chunks) {
  const auto base = snapshot();
  for (const std::int64_t sequence : removed) {
    const auto place = find_sequence(*base, sequence);
    if (!place) continue;
    const auto& chunk = base->segments[place->first].segment->rows[place->second].chunk;
    const auto document = documents_.find(chunk->doc_id);
    if (document == documents_.end()) continue;
    std::erase_if(document->second, [&](const Part& part) { return part.sequence == sequence; });
    if (document->second.empty()) documents_.erase(document);
  }
  std::vector<Row> rows;
  for (const StoredChunk& chunk : chunks) {
    // It may begin after blank lines; then it has the document's text.
    const bool first = chunk.begin == 0 || !chunk.document.empty();
    documents_[chunk.doc_id].push_back(
        {.sequence = chunk.sequence,
         .text_id = first ? document_id(chunk.document.empty() ? chunk.text : chunk.document)
                          : std::string()});
    rows.push_back(row_of(chunk));
  }
  std::shared_ptr<const Snapshot> next = next_snapshot(*base, removed, nullptr);
  // Rows of several writers may come out of order where the store does not make them take turns.
  const bool ordered = rows.empty() || next->segments.empty() ||
                       next->segments.back().segment->rows.back().sequence < rows.front().sequence;
  if (!ordered) {
    next->for_each_row([&](const Row& row) {
      rows.push_back(row);
      return true;
    });
    std::ranges::sort(rows, {}, &Row::sequence);
    next = std::make_shared<const Snapshot>();
  }
  if (!rows.empty()) next = next_snapshot(*next, {}, build_segment(std::move(rows), {}));
  snapshot_.with([&](auto& current) { current.swap(next); });
}

std::int64_t StoreCollection::first_of(const std::string& doc_id) {
  const auto found = documents_.find(doc_id);
  return found == documents_.end() ? 0 : found->second.front().sequence;
}

Presence StoreCollection::presence_of(const std::string& doc_id, const Document& document) {
  const auto found = documents_.find(doc_id);
  if (found == documents_.end()) return Presence::kAbsent;
  const Part& first = found->second.front();
  if (first.text_id != document_id(document.text)) return Presence::kOtherText;
  const auto current = snapshot();
  const auto place = find_sequence(*current, first.sequence);
  if (!place) return Presence::kAbsent;
  const auto& chunk = current->segments[place->first].segment->rows[place->second].chunk;
  return codec::render_json(chunk->metadata) == codec::render_json(document.metadata)
             ? Presence::kSame
             : Presence::kMetadataChanged;
}

Result<std::vector<Presence>> StoreCollection::presence(std::span<const std::string> doc_ids,
                                                        std::span<const Document> documents) {
  MutexLock lock(mirror_);
  std::vector<Presence> all;
  for (std::size_t i = 0; i < doc_ids.size(); ++i) {
    all.push_back(presence_of(doc_ids[i], documents[i]));
  }
  return all;
}

Sequences StoreCollection::sequences_of(const vectordb::ReplaceRequest& request) {
  if (request.all) return live_sequences(*snapshot());
  Sequences sequences;
  for (const std::string& doc_id : request.doc_ids) {
    const auto found = documents_.find(doc_id);
    if (found == documents_.end()) continue;
    for (const Part& part : found->second) sequences.push_back(part.sequence);
  }
  std::ranges::sort(sequences);
  return sequences;
}

Result<bool> StoreCollection::write(const Context& context,
                                    const vectordb::ReplaceRequest& request) {
  ASSIGN_OR_RETURN(const vectordb::Written written, store_.replace(context, name_, request));
  if (written.conflict) return false;
  const bool alone = !written.before.empty() && version_.with([&](const std::string& version) {
    return version == written.before;
  });
  if (!alone || written.sequences.size() != request.chunks.size()) {
    // It is written whatever becomes of this: whoever asks next looks again.
    [[maybe_unused]] const Result<void> followed = sync(context);
    return true;
  }
  std::vector<StoredChunk> chunks(request.chunks.begin(), request.chunks.end());
  for (std::size_t i = 0; i < chunks.size(); ++i) chunks[i].sequence = written.sequences[i];
  apply(sequences_of(request), chunks);
  version_.with([&](std::string& version) { version = written.after; });
  return true;
}

Result<void> StoreCollection::add(std::span<const PreparedDocument> documents) {
  const Context context = Context::with_timeout(kWriteMost);
  MutexLock lock(mirror_);
  for (int attempt = 0; attempt < kWriteTries; ++attempt) {
    if (attempt > 0) RETURN_IF_ERROR(sync(context));
    std::vector<std::string> doc_ids;
    std::vector<vectordb::Expected> expected;
    std::vector<StoredChunk> chunks;
    for (const PreparedDocument& document : documents) {
      const Presence presence = presence_of(document.doc_id, document.document);
      if (presence != Presence::kAbsent && presence != Presence::kMetadataChanged) continue;
      doc_ids.push_back(document.doc_id);
      expected.push_back({.doc_id = document.doc_id, .first = first_of(document.doc_id)});
      append_chunks(document, chunks);
    }
    if (doc_ids.empty()) return {};
    ASSIGN_OR_RETURN(const bool done,
                     write(context, {.doc_ids = doc_ids, .chunks = chunks, .expected = expected}));
    if (done) return {};
  }
  return changing(name_);
}

Result<void> StoreCollection::replace(std::span<const PreparedDocument> documents) {
  if (documents.empty()) return {};
  std::vector<std::string> doc_ids;
  std::vector<StoredChunk> chunks;
  for (const PreparedDocument& document : documents) {
    doc_ids.push_back(document.doc_id);
    append_chunks(document, chunks);
  }
  MutexLock lock(mirror_);
  RETURN_IF_ERROR(write(Context::with_timeout(kWriteMost), {.doc_ids = doc_ids, .chunks = chunks}));
  return {};
}

Result<void> StoreCollection::replace_all(std::span<const PreparedDocument> documents) {
  std::vector<StoredChunk> chunks;
  for (const PreparedDocument& document : documents) append_chunks(document, chunks);
  MutexLock lock(mirror_);
  RETURN_IF_ERROR(
      write(Context::with_timeout(kLoadMost), {.doc_ids = {}, .all = true, .chunks = chunks}));
  return {};
}

Result<std::vector<bool>> StoreCollection::remove(std::span<const std::string> doc_ids) {
  const Context context = Context::with_timeout(kWriteMost);
  MutexLock lock(mirror_);
  std::vector<bool> found;
  std::vector<std::string> there;
  for (const std::string& doc_id : doc_ids) {
    found.push_back(documents_.contains(doc_id));
    if (found.back()) there.push_back(doc_id);
  }
  if (!there.empty()) RETURN_IF_ERROR(write(context, {.doc_ids = there, .chunks = {}}));
  return found;
}

Result<std::vector<RetrievedChunk>> StoreCollection::search(const Context& context,
                                                            RetrieveQuery query,
                                                            SearchFigures* figures) {
  const auto current = snapshot();
  const std::vector<text::RowSet> allowed = allowed_rows(*current, query.filter);
  const RowCandidates found = find_by_words_and_fields(*current, query, allowed);
  Sequences also;
  for (const RowCandidate& candidate : found) {
    const auto [segment, row] = candidate.place;
    also.push_back(current->segments[segment].segment->rows[row].sequence);
  }
  const bool filtered = !query.filter.matches_all();
  const Sequences among = filtered ? allowed_sequences(*current, allowed) : Sequences();
  ASSIGN_OR_RETURN(auto near, store_.nearest(context, name_,
                                             {.vector = query.vector,
                                              .hits_max = pool_size(query),
                                              .among = filtered ? &among : nullptr,
                                              .also = also}));
  // Those that were found came along: the nearest are the best of all, as many as were asked for.
  std::ranges::sort(near, std::ranges::greater(), &vectordb::Near::cosine);
  std::map<Place, RowCandidate> candidates;
  for (const vectordb::Near& hit : near) {
    const auto place = find_live(*current, hit.sequence);
    // The store is ahead of this snapshot, or tells a row twice.
    if (!place || candidates.contains(*place)) continue;
    const bool nearest = candidates.size() < pool_size(query);
    const auto known = std::ranges::lower_bound(found, *place, {}, &RowCandidate::place);
    const bool shares_words = known != found.end() && known->place == *place;
    candidates[*place] = {
        .place = *place,
        .scores = {.dense = hit.cosine, .sparse = shares_words ? known->scores.sparse : 0},
        .has_dense = nearest};
  }
  const auto in_order = std::views::values(candidates);
  return rank(*current, {in_order.begin(), in_order.end()}, query, figures);
}

}  // namespace rage::rag
