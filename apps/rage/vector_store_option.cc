#include "vector_store_option.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"
#include "vectordb/pg_store.h"

namespace rage::app {
namespace {

using namespace std::chrono_literals;

constexpr auto kConnectMost = 30s;

std::unexpected<Error> invalid(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "{}", what);
}

}  // namespace

bool is_built_in_store(std::string_view type) {
  const std::string kind = to_lower_ascii(trim(type));
  return kind.empty() || kind == "faiss";  // Ours stands in FAISS's place.
}

void VectorStoreOption::add_to(CLI::App& command) {
  command
      .add_option("--vector-db", type,
                  "What keeps the indexes. faiss: the built-in store, below --data; qdrant; "
                  "postgres, with pgvector. The last two take several services at once")
      ->envname("VECTOR_DB_TYPE")
      ->capture_default_str();
  command
      .add_option("--vector-db-url", url,
                  "http://host:6333 of Qdrant, postgresql://user@host/database of PostgreSQL")
      ->envname("VECTOR_DB_URL");
  command
      .add_option("--vector-db-secret", secret,
                  "API key or password for it; better set by the environment")
      ->envname("VECTOR_DB_ACCESS_SECRET");
  command
      .add_option("--vector-db-namespace", name_space,
                  "Schema of PostgreSQL, or prefix of Qdrant's collections: services with the same "
                  "one share their indexes")
      ->envname("RAG_VECTOR_DB_NAMESPACE")
      ->capture_default_str();
}

Result<std::unique_ptr<vectordb::VectorStore>> VectorStoreOption::open(
    net::HttpTransport& transport, vectordb::WriteStamps& stamps) const {
  const std::string kind = to_lower_ascii(trim(type));
  const std::string address(trim(url));
  const bool postgres = kind == "postgres" || kind == "postgresql" || kind == "pgvector";
  if (is_built_in_store(type)) {
    if (address.empty()) return nullptr;
    return invalid(
        "VECTOR_DB_URL names a database, but VECTOR_DB_TYPE does not say of which kind: set it to "
        "qdrant or postgres, or unset VECTOR_DB_URL to use the built-in store");
  }
  if (kind != "qdrant" && !postgres) {
    return fail(ErrorCode::kInvalidArgument,
                "Unsupported VECTOR_DB_TYPE: '{}'. Supported values: 'faiss', 'qdrant', 'postgres'",
                type);
  }
  if (address.empty()) {
    return fail(ErrorCode::kInvalidArgument, "VECTOR_DB_TYPE={} needs VECTOR_DB_URL", kind);
  }
  if (postgres) {
    ASSIGN_OR_RETURN(
        auto store,
        vectordb::PgStore::open(Context::with_timeout(kConnectMost),
                                {.address = address, .password = secret, .schema = name_space}));
    return store;
  }
  if (!address.starts_with("http://") && !address.starts_with("https://")) {
    return invalid(
        "VECTOR_DB_URL of Qdrant begins with http:// or https://, as in "
        "http://qdrant:6333");
  }
  std::string base = address;
  while (base.ends_with('/')) base.pop_back();
  return std::make_unique<vectordb::QdrantStore>(
      transport, stamps,
      vectordb::QdrantOptions{.url = base, .api_key = secret, .prefix = name_space + "-"});
}

}  // namespace rage::app
