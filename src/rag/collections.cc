#include "rag/collections.h"

#include <algorithm>
#include <numeric>
#include <system_error>

#include "base/files.h"
#include "obs/span.h"
#include "rag/directory_home.h"
#include "rag/hashes.h"
#include "rag/kaito_store.h"
#include "rag/persisted.h"
#include "rag/sqlite_collection.h"
#include "rag/store_home.h"
#include "text/analyzer.h"

namespace rage::rag {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPersistedFile = "collection.db";
constexpr std::string_view kKaitoFile = "docstore.json";

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

EmbedderIdentity identity_of(const embed::Embedder& embedder) {
  return {.id = std::string(embedder.id()), .dimension = embedder.dimension()};
}

std::vector<EmbedderIdentity> identities_of(const embed::Embedder& embedder,
                                            const std::vector<embed::Embedder*>& others) {
  std::vector<EmbedderIdentity> identities = {identity_of(embedder)};
  for (const embed::Embedder* other : others) identities.push_back(identity_of(*other));
  return identities;
}

}  // namespace

std::unexpected<Error> no_such_index(std::string_view name) {
  return fail(ErrorCode::kNotFound, "No such index: '{}' exists.", name);
}

std::unexpected<Error> already_exists(std::string_view name) {
  return fail(ErrorCode::kAlreadyExists,
              "Index '{}' already exists. Use a different name or delete the existing index first.",
              name);
}

Collections::Collections(fs::path data_directory, std::unique_ptr<IndexHome> home,
                         embed::Embedder& embedder, const IngestOptions& options,
                         std::vector<embed::Embedder*> others)
    : data_directory_(std::move(data_directory)),
      home_(std::move(home)),
      embedder_(embedder),
      options_(options),
      others_(std::move(others)),
      sentence_vectors_(embedder) {}

Result<std::unique_ptr<Collections>> Collections::open(const fs::path& data_directory,
                                                       embed::Embedder& embedder,
                                                       const IngestOptions& options,
                                                       std::vector<embed::Embedder*> others) {
  ASSIGN_OR_RETURN(auto home, DirectoryHome::open(data_directory, identities_of(embedder, others)));
  return std::unique_ptr<Collections>(
      new Collections(data_directory, std::move(home), embedder, options, std::move(others)));
}

Result<std::unique_ptr<Collections>> Collections::open(const fs::path& data_directory,
                                                       vectordb::VectorStore& store,
                                                       embed::Embedder& embedder,
                                                       const IngestOptions& options,
                                                       std::vector<embed::Embedder*> others) {
  ASSIGN_OR_RETURN(auto home, StoreHome::open(store, identities_of(embedder, others)));
  return std::unique_ptr<Collections>(
      new Collections(data_directory, std::move(home), embedder, options, std::move(others)));
}

embed::Embedder& Collections::embedder_of(const Collection& collection) {
  const EmbedderIdentity& made_with = collection.embedder();
  if (made_with.id == embedder_.id()) return embedder_;
  for (embed::Embedder* other : others_) {
    if (made_with.id == other->id() && made_with.dimension == other->dimension()) return *other;
  }
  return embedder_;
}

Result<std::shared_ptr<Collection>> Collections::find(std::string_view name) const {
  return home_->find(name);
}

Result<std::vector<std::string>> Collections::names() const {
  return home_->names();
}

Result<void> Collections::remove(std::string_view name) {
  return home_->remove(name);
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

Result<std::string> Collections::load_persisted(const Context& context, std::string_view name,
                                                std::string_view path, bool overwrite) {
  ASSIGN_OR_RETURN(const PersistPlace place, plan_persist_place(data_directory_, path, name));
  std::error_code error;
  if (!fs::is_directory(place.folder, error)) {
    return fail(ErrorCode::kNotFound, "Path does not exist: {}", place.shown);
  }
  const auto fill = [&](Collection& collection) {
    return fill_from(context, place.folder, collection);
  };
  auto existing = find(name);
  if (!existing && existing.error().code == ErrorCode::kNotFound) {
    RETURN_IF_ERROR(home_->create_filled(name, fill));
    return place.shown;
  }
  if (!overwrite) return already_exists(name);
  if (!existing) {  // It could not be opened: what it held is lost anyway.
    RETURN_IF_ERROR(remove(name));
    RETURN_IF_ERROR(home_->create_filled(name, fill));
    return place.shown;
  }
  RETURN_IF_ERROR(fill_from(context, place.folder, **existing));
  return place.shown;
}

Result<ReindexOutcome> Collections::reindex(
    const Context& context, std::string_view name, bool if_needed,
    const std::function<bool(const ReindexProgress&)>& progress) {
  const auto prepare = [this](const Context& asked, std::vector<Document> documents,
                              std::span<const std::string> ids) {
    return prepare_documents(asked, embedder_, options_, std::move(documents), ids);
  };
  return home_->reindex(context, name,
                        {.if_needed = if_needed, .prepare = prepare, .progress = progress});
}

Result<std::vector<RetrievedChunk>> Collections::retrieve(
    const Context& context, Collection& collection, const std::string& question,
    std::size_t hits_max, const MetadataFilter& filter, SearchFigures* figures,
    const Demands* demands) {
  obs::ScopedSpan span("retrieval");
  span->set("gen_ai.operation.name", "retrieval");
  span->set("gen_ai.data_source.id", collection.name());
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix vector,
                   embed_traced(context, embedder_of(collection), std::span(&question, 1),
                                embed::TextKind::kQuery));
  std::vector<std::string> terms = text::analyze_question(question);
  if (demands != nullptr) {
    terms.insert(terms.end(), demands->terms.begin(), demands->terms.end());
  }
  const std::string exact = document_id(question);
  SearchFigures counted;
  auto hits = metrics_.observe(StoreOperation::kQuery, [&] {
    return collection.search(context,
                             {.vector = vector.row(0),
                              .terms = terms,
                              .hits_max = hits_max,
                              .filter = filter,
                              .exact_doc_id = exact,
                              .demands = demands},
                             &counted);
  });
  if (!hits) {
    span->fail(name_of(hits.error().code));
    return hits;
  }
  span->set("rage.retrieval.hits", hits->size());
  span->set("rage.retrieval.hits_by_words", counted.both + counted.sparse_only);
  span->set("rage.retrieval.hits_by_meaning_alone", counted.dense_only);
  span->set("rage.retrieval.documents_by_fields", demands == nullptr ? 0 : demands->met.size());
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
