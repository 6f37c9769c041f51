#include "apis/auto_indexer.h"

#include "apis/detail/field_reader.h"

namespace rage::apis {
namespace {

using detail::FieldReader;

Retention retention_of(const FieldReader& fields, std::string_view key, Retention fallback) {
  const std::string value = fields.text(key);
  if (value == "Remove") return Retention::kRemove;
  if (value == "Keep") return Retention::kKeep;
  if (!value.empty()) fields.refuse(key, "must be Remove or Keep");
  return fallback;
}

void read_source(const FieldReader& source, AutoIndexer& indexer) {
  const FieldReader git = source.child("git");
  if (git.exists()) {
    indexer.git = GitSource{.url = git.text("url"),
                            .ref = git.text("ref", GitSource{}.ref),
                            .paths = git.texts("paths"),
                            .exclude_paths = git.texts("excludePaths"),
                            .access_secret = git.text("accessSecret")};
  }
  const FieldReader http = source.child("http");
  if (http.exists()) {
    indexer.http =
        HttpSource{.urls = http.texts("urls"), .access_secret = http.text("accessSecret")};
  }
  if (git.exists() == http.exists()) {
    source.refuse(git.exists() ? "http" : "git", "expected exactly one of git and http");
  }
}

}  // namespace

Result<AutoIndexer> parse_auto_indexer(const Json& document) {
  const FieldReader fields(document);
  const FieldReader spec = fields.child("spec");
  AutoIndexer indexer;
  indexer.meta = parse_meta(document);
  if (const Json* metadata = codec::find_key(document, "metadata")) {
    indexer.deletion_timestamp = codec::string_or(*metadata, "deletionTimestamp", "");
  }
  indexer.rag_engine = spec.text("ragEngine");
  indexer.index_name = spec.text("indexName");
  read_source(spec.child("source"), indexer);
  indexer.schedule = spec.text("schedule");
  indexer.suspend = spec.flag("suspend");
  const FieldReader retention = spec.child("retention");
  indexer.deleted_documents =
      retention_of(retention, "deletedDocuments", indexer.deleted_documents);
  indexer.on_delete = retention_of(retention, "onDelete", indexer.on_delete);
  indexer.removed_percent_max = retention.integer("maxRemovedPercent", indexer.removed_percent_max);
  indexer.status = fields.object("status");
  RETURN_IF_ERROR(fields.check());
  return indexer;
}

bool has_password(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view host =
      url.substr(scheme + 3, url.find_first_of("/?#", scheme + 3) - (scheme + 3));
  const std::size_t at = host.rfind('@');
  return at != std::string_view::npos && host.substr(0, at).find(':') != std::string_view::npos;
}

}  // namespace rage::apis
