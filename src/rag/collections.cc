#include "rag/collections.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <system_error>

#include "base/files.h"
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

EmbedderIdentity identity_of(const embed::Embedder& embedder) {
  return {.id = std::string(embedder.id()), .dimension = embedder.dimension()};
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
                         embed::Embedder& embedder, const IngestOptions& options)
    : data_directory_(std::move(data_directory)),
      home_(std::move(home)),
      embedder_(embedder),
      options_(options),
      sentence_vectors_(embedder) {}

Result<std::unique_ptr<Collections>> Collections::open(const fs::path& data_directory,
                                                       embed::Embedder& embedder,
                                                       const IngestOptions& options) {
  ASSIGN_OR_RETURN(auto home, DirectoryHome::open(data_directory, identity_of(embedder)));
  return std::unique_ptr<Collections>(
      new Collections(data_directory, std::move(home), embedder, options));
}

Result<std::unique_ptr<Collections>> Collections::open(const fs::path& data_directory,
                                                       vectordb::VectorStore& store,
                                                       embed::Embedder& embedder,
                                                       const IngestOptions& options) {
  ASSIGN_OR_RETURN(auto home, StoreHome::open(store, identity_of(embedder)));
  return std::unique_ptr<Collections>(
      new Collections(data_directory, std::move(home), embedder, options));
}

Result<std::shared_ptr<Collection>> Collections::find(std::string_view name) const {
  return home_->find(name);
}

Result<std::vector<std::string>> Collections::names() const {
  return home_->names();
}

Result<std::vector<std::string>> Collections::add(const Context& context, std::string_view name,
                                                  std::vector<Document> documents) {
  std::vector<std::string> ids;
  for (const Document& document : documents) ids.push_back(document_id(document.text));
  if (documents.empty()) return ids;

  std::vector<Presence> presence(documents.size(), Presence::kAbsent);
  if (const auto existing = find(name)) {
    ASSIGN_OR_RETURN(presence, (*existing)->presence(ids, documents));
  } else if (existing.error().code != ErrorCode::kNotFound) {
    return fail(existing.error());
  }
  std::vector<Document> wanted;
  std::set<std::string_view> seen;  // The same text twice in one call is stored once.
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const bool store =
        presence[i] == Presence::kAbsent || presence[i] == Presence::kMetadataChanged;
    if (store && seen.insert(ids[i]).second) wanted.push_back(std::move(documents[i]));
  }
  ASSIGN_OR_RETURN(const auto prepared,
                   prepare_documents(context, embedder_, options_, std::move(wanted)));
  ASSIGN_OR_RETURN(const auto collection, home_->find_or_create(name));
  RETURN_IF_ERROR(
      metrics_.observe(StoreOperation::kInsert, [&] { return collection->add(prepared); }));
  return ids;
}

Result<UpdateOutcome> Collections::update(const Context& context, std::string_view name,
                                          std::vector<DocumentUpdate> updates) {
  ASSIGN_OR_RETURN(const auto collection, find(name));
  std::vector<std::string> ids;
  std::vector<Document> documents;
  for (DocumentUpdate& update : updates) {
    ids.push_back(std::move(update.doc_id));
    documents.push_back(std::move(update.document));
  }
  ASSIGN_OR_RETURN(const std::vector<Presence> presence, collection->presence(ids, documents));
  UpdateOutcome outcome;
  std::map<std::string_view, std::size_t>
      last_of;  // The last of several updates of one document wins.
  for (std::size_t i = 0; i < ids.size(); ++i) last_of[ids[i]] = i;
  std::vector<std::string> wanted_ids;
  std::vector<Document> wanted;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (presence[i] == Presence::kAbsent) {
      outcome.not_found.push_back(i);
    } else if (presence[i] == Presence::kSame) {
      outcome.unchanged.push_back(i);
    } else {
      outcome.updated.push_back(i);
      if (last_of[ids[i]] != i) continue;
      wanted_ids.push_back(ids[i]);
      wanted.push_back(std::move(documents[i]));
    }
  }
  ASSIGN_OR_RETURN(const auto prepared,
                   prepare_documents(context, embedder_, options_, std::move(wanted), wanted_ids));
  RETURN_IF_ERROR(
      metrics_.observe(StoreOperation::kInsert, [&] { return collection->replace(prepared); }));
  return outcome;
}

Result<std::vector<bool>> Collections::remove_documents(Collection& collection,
                                                        std::span<const std::string> doc_ids) {
  return metrics_.observe(StoreOperation::kDelete, [&] { return collection.remove(doc_ids); });
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
  ASSIGN_OR_RETURN(const auto prepared,
                   prepare_documents(context, embedder_, options_, std::move(documents), ids));
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

Result<std::vector<RetrievedChunk>> Collections::retrieve(const Context& context,
                                                          Collection& collection,
                                                          const std::string& question,
                                                          std::size_t hits_max,
                                                          const MetadataFilter& filter) {
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix vector,
                   embedder_.embed(context, std::span(&question, 1), embed::TextKind::kQuery));
  const std::vector<std::string> terms = text::analyze(question);
  const std::string exact = document_id(question);
  return metrics_.observe(StoreOperation::kQuery, [&] {
    return collection.search(context, {.vector = vector.row(0),
                                       .terms = terms,
                                       .hits_max = hits_max,
                                       .filter = filter,
                                       .exact_doc_id = exact});
  });
}

Result<void> Collections::compare(const Context& context, const std::string& question,
                                  std::vector<SourceSentence>& sentences) {
  if (sentences.empty()) return {};
  std::vector<std::string> texts;
  texts.reserve(sentences.size());
  for (const SourceSentence& sentence : sentences)
    texts.push_back(sentence.title.empty() ? sentence.text : sentence.title + ": " + sentence.text);
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix asked,
                   embedder_.embed(context, std::span(&question, 1), embed::TextKind::kQuery));
  ASSIGN_OR_RETURN(const embed::EmbeddingMatrix said, sentence_vectors_.embed(context, texts));
  for (std::size_t i = 0; i < sentences.size(); ++i) {
    const auto row = said.row(i);
    sentences[i].similarity =
        std::inner_product(row.begin(), row.end(), asked.row(0).begin(), 0.0F);
  }
  return {};
}

}  // namespace rage::rag
