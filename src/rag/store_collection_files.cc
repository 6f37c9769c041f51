// An index of a vector store as a file of its own, the same as a local index has: the two can be
// loaded from each other's copies.
#include <chrono>
#include <system_error>

#include "base/strings.h"
#include "rag/sqlite_collection.h"
#include "rag/store_collection.h"

namespace rage::rag {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kCopyMost = 10min;

// Resource. A local index beside a file, gone when this is.
class Scratch final {
 public:
  static Result<Scratch> beside(const fs::path& file, std::string_view name,
                                const EmbedderIdentity& embedder) {
    const fs::path folder = file.parent_path() / (".scratch-" + random_uuid());
    ASSIGN_OR_RETURN(auto collection, SqliteCollection::open(folder, name, embedder));
    return Scratch(folder, std::move(collection));
  }
  ~Scratch() {
    collection_.reset();
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  Scratch(Scratch&& other) noexcept
      : folder_(std::exchange(other.folder_, {})), collection_(std::move(other.collection_)) {}
  Scratch& operator=(Scratch&&) = delete;
  SqliteCollection* operator->() { return collection_.get(); }

 private:
  Scratch(fs::path folder, std::shared_ptr<SqliteCollection> collection)
      : folder_(std::move(folder)), collection_(std::move(collection)) {}
  fs::path folder_;
  std::shared_ptr<SqliteCollection> collection_;
};

}  // namespace

Result<std::vector<PreparedDocument>> StoreCollection::read_prepared(const Context& context) {
  ASSIGN_OR_RETURN(Loaded loaded, load(context, {}, true));
  std::vector<PreparedDocument> documents;
  for (vectordb::StoredChunk& chunk : loaded.chunks) {
    if (documents.empty() || documents.back().doc_id != chunk.doc_id) {
      documents.push_back(
          {.document = {.text = chunk.document.empty() ? chunk.text : chunk.document,
                        .metadata = chunk.metadata},
           .doc_id = chunk.doc_id,
           .chunk_texts = {},
           .vectors = {.rows = 0, .dimension = embedder_.dimension, .values = {}}});
    }
    PreparedDocument& document = documents.back();
    if (chunk.vector.size() != embedder_.dimension) {
      return fail(ErrorCode::kDataLoss, "a stored vector has {} dimensions", chunk.vector.size());
    }
    document.chunk_texts.push_back(std::move(chunk.text));
    document.vectors.values.insert(document.vectors.values.end(), chunk.vector.begin(),
                                   chunk.vector.end());
    ++document.vectors.rows;
  }
  return documents;
}

Result<void> StoreCollection::copy_to(const fs::path& file) {
  ASSIGN_OR_RETURN(const auto documents, read_prepared(Context::with_timeout(kCopyMost)));
  ASSIGN_OR_RETURN(auto scratch, Scratch::beside(file, name_, embedder_));
  RETURN_IF_ERROR(scratch->replace_all(documents));
  RETURN_IF_ERROR(scratch->set_grounding_mode(grounding_mode()));
  return scratch->copy_to(file);
}

Result<void> StoreCollection::take_from(const fs::path& file) {
  ASSIGN_OR_RETURN(auto scratch, Scratch::beside(file, name_, embedder_));
  RETURN_IF_ERROR(scratch->take_from(file));
  ASSIGN_OR_RETURN(const auto documents, scratch->read_prepared());
  RETURN_IF_ERROR(replace_all(documents));
  return set_grounding_mode(scratch->grounding_mode());
}

}  // namespace rage::rag
