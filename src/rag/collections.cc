#include "rag/collections.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <system_error>

#include "base/sha256.h"
#include "base/strings.h"
#include "codec/uri.h"
#include "obs/log.h"
#include "obs/span.h"
#include "rag/hashes.h"
#include "rag/kaito_store.h"
#include "rag/persisted.h"
#include "text/analyzer.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFolderNameBytesMax = 120;
constexpr std::string_view kFolderPrefix = "index-";  // Names beginning with dots stay harmless.
constexpr std::string_view kTrashPrefix = "removed-";
constexpr std::string_view kIncomingPrefix = "incoming-";

// The embedder's part of a trace.
Result<embed::EmbeddingMatrix> embed_traced(const Context& context, embed::Embedder& embedder,
                                            std::span<const std::string> texts,
                                            embed::TextKind kind) {
  obs::ScopedSpan span("embeddings");
  span->set("gen_ai.operation.name", "embeddings");
  span->set("gen_ai.request.model", embedder.id());
  span->set("rage.embed.texts", texts.size());
  auto matrix = embedder.embed(context, texts, kind);
  if (!matrix) span->fail(name_of(matrix.error().code));
  return matrix;
}

std::unexpected<Error> no_such_index(std::string_view name) {
  return fail(ErrorCode::kNotFound, "No such index: '{}' exists.", name);
}

std::unexpected<Error> already_exists(std::string_view name) {
  return fail(ErrorCode::kAlreadyExists,
              "Index '{}' already exists. Use a different name or delete the existing index first.",
              name);
}

EmbedderIdentity identity_of(const embed::Embedder& embedder) {
  return {.id = std::string(embedder.id()), .dimension = embedder.dimension()};
}

constexpr std::string_view kPersistedFile = "collection.db";
constexpr std::string_view kKaitoFile = "docstore.json";

}  // namespace

Result<std::string> stored_index_meta(const fs::path& folder, std::string_view key) {
  ASSIGN_OR_RETURN(auto database, store::Database::open(folder / "collection.db"));
  ASSIGN_OR_RETURN(auto select, database->prepare("SELECT value FROM meta WHERE key = ?1"));
  select.bind(1, key);
  ASSIGN_OR_RETURN(const bool found, select.step());
  if (!found) return fail(ErrorCode::kDataLoss, "{} names no index", folder.string());
  return std::string(select.text(0));
}

// Names are arbitrary: encoded while short, hashed when long; the name itself is stored in the
// database.
std::string folder_of_index(std::string_view name) {
  const std::string encoded = codec::percent_encode(name);
  return std::string(kFolderPrefix) +
         (encoded.size() <= kFolderNameBytesMax ? encoded : "sha256-" + sha256_hex(name));
}

Collections::Collections(fs::path data_directory, embed::Embedder& embedder,
                         const IngestOptions& options, std::vector<embed::Embedder*> others,
                         std::unique_ptr<FileLock> lock)
    : data_directory_(std::move(data_directory)),
      root_(data_directory_ / "indexes"),
      embedder_(embedder),
      options_(options),
      identity_(identity_of(embedder)),
      others_(std::move(others)),
      sentence_vectors_(embedder),
      lock_(std::move(lock)) {}

Result<std::unique_ptr<Collections>> Collections::open(const fs::path& data_directory,
                                                       embed::Embedder& embedder,
                                                       const IngestOptions& options,
                                                       std::vector<embed::Embedder*> others) {
  const fs::path root = data_directory / "indexes";
  RETURN_IF_ERROR(ensure_directory(root));
  auto lock = FileLock::try_acquire(root / ".lock");
  if (!lock && lock.error().code == ErrorCode::kFailedPrecondition) {
    return fail(
        Error(lock.error()).with_context("the data directory is in use by another service"));
  }
  if (!lock) return fail(Error(lock.error()).with_context("the data directory must be writable"));
  std::unique_ptr<Collections> collections(
      new Collections(data_directory, embedder, options, std::move(others), *std::move(lock)));
  RETURN_IF_ERROR(collections->load());
  return collections;
}

EmbedderIdentity Collections::identity_for(const fs::path& folder) const {
  if (others_.empty()) return identity_;
  const auto id = stored_index_meta(folder, "embedder");
  for (const embed::Embedder* other : others_) {
    if (id && *id != identity_.id && *id == other->id()) return identity_of(*other);
  }
  return identity_;
}

embed::Embedder& Collections::embedder_of(const Collection& collection) {
  for (embed::Embedder* other : others_) {
    const bool same = collection.embedder().id == other->id() &&
                      collection.embedder().dimension == other->dimension();
    if (same && collection.embedder().id != identity_.id) return *other;
  }
  return embedder_;
}

Result<void> Collections::load() {
  MutexLock lock(mutex_);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root_, error)) {
    const std::string folder = entry.path().filename().string();
    // A deletion or a load that a crash cut short.
    if (folder.starts_with(kTrashPrefix) || folder.starts_with(kIncomingPrefix)) {
      std::error_code ignored;
      fs::remove_all(entry.path(), ignored);
      continue;
    }
    if (!folder.starts_with(kFolderPrefix)) continue;
    const Result<std::string> name = stored_index_meta(entry.path(), "name");
    if (!name) {
      // Without a name nobody was ever told that this index exists: a creation that a crash cut
      // short.
      obs::log().warn("index folder skipped",
                      {{"folder", folder}, {"error", name.error().message}});
      continue;
    }
    Entry opened = Collection::open(entry.path(), *name, identity_for(entry.path()));
    if (!opened) {
      obs::log().error("index not available",
                       {{"index", *name}, {"error", opened.error().message}});
    }
    entries_.insert_or_assign(*name, std::move(opened));
  }
  if (error)
    return fail(ErrorCode::kUnavailable, "cannot list {}: {}", root_.string(), error.message());
  return {};
}

Result<std::shared_ptr<Collection>> Collections::find(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return no_such_index(name);
  return found->second;
}

std::vector<std::string> Collections::names() const {
  std::vector<std::pair<std::int64_t, std::string>> ordered;
  {
    MutexLock lock(mutex_);
    for (const auto& [name, entry] : entries_) {
      ordered.emplace_back(entry ? (*entry)->created_order() : 0, name);
    }
  }
  std::ranges::sort(ordered);
  std::vector<std::string> names;
  for (auto& [order, name] : ordered) names.push_back(std::move(name));
  return names;
}

Result<std::shared_ptr<Collection>> Collections::find_or_create(std::string_view name) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(name);
  if (found != entries_.end()) return found->second;
  ASSIGN_OR_RETURN(auto collection,
                   Collection::open(root_ / folder_of_index(name), name, identity_));
  entries_.emplace(std::string(name), collection);
  return collection;
}

Result<void> Collections::remove(std::string_view name) {
  const fs::path trash = root_ / (std::string(kTrashPrefix) + random_uuid());
  std::error_code error;
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end()) return no_such_index(name);
    if (reindexing_.contains(name)) {
      return fail(Error{.code = ErrorCode::kUnavailable,
                        .message = fmt::format("index '{}' is being embedded anew; try again when "
                                               "that is done or stopped",
                                               name),
                        .retry_after = std::chrono::milliseconds(10'000)});
    }
    fs::rename(root_ / folder_of_index(name), trash, error);
    if (error) {
      return fail(ErrorCode::kUnavailable, "cannot remove index '{}': {}", name, error.message());
    }
    entries_.erase(found);
  }
  // The rename was the deletion; this only frees space, and load() finishes it after a crash.
  fs::remove_all(trash, error);
  return {};
}

Result<std::string> Collections::persist(std::string_view name, std::string_view path) {
  ASSIGN_OR_RETURN(const auto collection, find(name));
  ASSIGN_OR_RETURN(const PersistPlace place, plan_persist_place(data_directory_, path, name));
  RETURN_IF_ERROR(ensure_directory(place.folder));
  RETURN_IF_ERROR(collection->copy_to(place.folder / kPersistedFile));
  return place.shown;
}

// What a folder holds, put into a collection in place of what is there.
Result<void> Collections::fill_from(const Context& context, const fs::path& folder,
                                    Collection& collection) {
  std::error_code error;
  std::vector<StoredDocument> stored;
  if (const fs::path file = folder / kPersistedFile; fs::is_regular_file(file, error)) {
    const Result<void> taken = collection.take_from(file);
    if (taken || taken.error().code != ErrorCode::kFailedPrecondition) return taken;
    ASSIGN_OR_RETURN(stored, read_documents(file));  // Vectors of another embedder.
  } else if (const fs::path docstore = folder / kKaitoFile; fs::is_regular_file(docstore, error)) {
    ASSIGN_OR_RETURN(const std::string bytes, read_file(docstore, kDocstoreBytesMax));
    ASSIGN_OR_RETURN(stored, parse_kaito_docstore(bytes));
  } else {
    return fail(ErrorCode::kInvalidArgument, "the folder holds neither {} nor KAITO's {}",
                kPersistedFile, kKaitoFile);
  }
  std::vector<std::string> ids;
  std::vector<Document> documents;
  for (StoredDocument& document : stored) {
    ids.push_back(std::move(document.doc_id));
    documents.push_back(std::move(document.document));
  }
  ASSIGN_OR_RETURN(const auto prepared, prepare_documents(context, embedder_of(collection),
                                                          options_, std::move(documents), ids));
  return collection.replace_all(prepared);
}

// Filled beside the live indexes and then renamed: after a crash it is there whole or not at all.
Result<void> Collections::create_from(const Context& context, const fs::path& folder,
                                      std::string_view name) {
  const fs::path incoming = root_ / (std::string(kIncomingPrefix) + random_uuid());
  const auto fill = [&]() -> Result<void> {
    ASSIGN_OR_RETURN(const auto collection, Collection::open(incoming, name, identity_));
    return fill_from(context, folder, *collection);
  };
  std::error_code error;
  if (Result<void> filled = fill(); !filled) {
    fs::remove_all(incoming, error);
    return filled;
  }
  MutexLock lock(mutex_);
  if (entries_.contains(name)) {
    fs::remove_all(incoming, error);
    return already_exists(name);
  }
  const fs::path place = root_ / folder_of_index(name);
  fs::rename(incoming, place, error);
  if (error) {
    return fail(ErrorCode::kUnavailable, "cannot create index '{}': {}", name, error.message());
  }
  ASSIGN_OR_RETURN(auto collection, Collection::open(place, name, identity_));
  entries_.emplace(std::string(name), std::move(collection));
  return {};
}

Result<std::string> Collections::load_persisted(const Context& context, std::string_view name,
                                                std::string_view path, bool overwrite) {
  ASSIGN_OR_RETURN(const PersistPlace place, plan_persist_place(data_directory_, path, name));
  std::error_code error;
  if (!fs::is_directory(place.folder, error)) {
    return fail(ErrorCode::kNotFound, "Path does not exist: {}", place.shown);
  }
  auto existing = find(name);
  if (!existing && existing.error().code == ErrorCode::kNotFound) {
    RETURN_IF_ERROR(create_from(context, place.folder, name));
    return place.shown;
  }
  if (!overwrite) return already_exists(name);
  if (!existing) {  // It could not be opened: what it held is lost anyway.
    RETURN_IF_ERROR(remove(name));
    RETURN_IF_ERROR(create_from(context, place.folder, name));
    return place.shown;
  }
  RETURN_IF_ERROR(fill_from(context, place.folder, **existing));
  return place.shown;
}

Result<std::vector<RetrievedChunk>> Collections::retrieve(
    const Context& context, Collection& collection, const std::string& question,
    std::size_t hits_max, const MetadataFilter& filter, SearchFigures* figures) {
  obs::ScopedSpan span("retrieval");
  span->set("gen_ai.operation.name", "retrieval");
  span->set("gen_ai.data_source.id", collection.name());
  const auto graph = collection.dense_graph();
  const auto snapshot = collection.snapshot();
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix vector,
                   embed_traced(context, embedder_of(collection), std::span(&question, 1),
                                embed::TextKind::kQuery));
  const std::vector<std::string> terms = text::analyze(question);
  const std::string exact = document_id(question);
  SearchFigures counted;
  auto hits = rag::retrieve(*snapshot,
                            {.vector = vector.row(0),
                             .terms = terms,
                             .hits_max = hits_max,
                             .filter = filter,
                             .graph = graph.get(),
                             .exact_doc_id = exact},
                            &counted);
  span->set("rage.retrieval.hits", hits.size());
  span->set("rage.retrieval.hits_by_words", counted.both + counted.sparse_only);
  span->set("rage.retrieval.hits_by_meaning_alone", counted.dense_only);
  if (figures != nullptr) *figures = counted;
  return hits;
}

Result<void> Collections::compare(const Context& context, const std::string& question,
                                  std::vector<SourceSentence>& sentences) {
  if (sentences.empty()) return {};
  const obs::ScopedSpan span("compare sentences");
  std::vector<std::string> texts;
  texts.reserve(sentences.size());
  for (const SourceSentence& sentence : sentences)
    texts.push_back(sentence.title.empty() ? sentence.text : sentence.title + ": " + sentence.text);
  ASSIGN_OR_RETURN(
      const embed::EmbeddingMatrix asked,
      embed_traced(context, embedder_, std::span(&question, 1), embed::TextKind::kQuery));
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix said, sentence_vectors_.embed(context, texts));
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const auto row = said.row(i);
    sentences[i].similarity =
        std::inner_product(row.begin(), row.end(), asked.row(0).begin(), 0.0F);
  }
  return {};
}

}  // namespace rage::rag
