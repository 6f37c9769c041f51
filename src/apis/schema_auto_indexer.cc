// Ours: the original has only a proposal for this kind.
#include <utility>

#include "apis/auto_indexer.h"
#include "apis/detail/kind_schemas.h"
#include "apis/kinds.h"

namespace rage::apis::detail {
namespace {

constexpr int kPatternsMax = 100;
constexpr int kUrlsMax = 1000;

Schema url_schema() {
  return Schema::text().with("minLength", 1).with("maxLength", 2048);
}

Schema patterns_schema() {
  return Schema::list(Schema::text().with("minLength", 1).with("maxLength", 1024))
      .with("maxItems", kPatternsMax);
}

Schema git_schema() {
  return Schema::object()
      .required("url", url_schema().about("https://, ssh:// or user@host:path."))
      .field("ref", Schema::text()
                        .with("minLength", 1)
                        .with("maxLength", 255)
                        .with("default", "HEAD")
                        .about("A branch, a tag or a commit."))
      .field("paths",
             patterns_schema().about("Globs of the files to index, as in .gitignore; empty: "
                                     "all that can be read."))
      .field("excludePaths", patterns_schema().about("Globs of files to leave out; they win."))
      .field("accessSecret", name_schema().about("Secret with username and password, or with "
                                                 "ssh-privatekey and known_hosts."));
}

Schema http_schema() {
  return Schema::object()
      .required("urls", Schema::list(url_schema()).with("minItems", 1).with("maxItems", kUrlsMax))
      .field("accessSecret", name_schema().about("Secret with username and password, or token."));
}

Schema retention_schema() {
  return Schema::object()
      .field("deletedDocuments", Schema::choice({"Remove", "Keep"})
                                     .with("default", "Remove")
                                     .about("What becomes of documents that left the source."))
      .field("maxRemovedPercent",
             Schema::integer()
                 .with("minimum", 0)
                 .with("maximum", 100)
                 .with("default", AutoIndexer{}.removed_percent_max)
                 .about("A run that would remove more of its documents than this removes none and "
                        "says so: the source may be broken. 100: no limit."))
      .field("onDelete",
             Schema::choice({"Keep", "Remove"})
                 .with("default", "Keep")
                 .about("What becomes of the documents when this resource is deleted."));
}

Schema auto_indexer_spec_schema() {
  return Schema::object()
      .required("ragEngine", Schema::text()
                                 .with("minLength", 1)
                                 .with("maxLength", 253)
                                 .about("A RAGEngine of the same namespace.")
                                 .rule("self == oldSelf", "field is immutable"))
      .required("indexName", Schema::text()
                                 .with("minLength", 1)
                                 .with("maxLength", 128)
                                 .rule("self == oldSelf", "field is immutable"))
      .required("source", Schema::object()
                              .field("git", git_schema())
                              .field("http", http_schema())
                              .rule("has(self.git) != has(self.http)",
                                    "expected exactly one of git and http"))
      .field(
          "schedule",
          Schema::text()
              .with("maxLength", 256)
              .about("Five fields of cron, UTC. Empty: once, and whenever this resource changes."))
      .field("suspend", Schema::boolean().with("default", false))
      .field("retention", retention_schema());
}

Schema count_schema() {
  return Schema::integer().with("format", "int64");
}

Schema run_schema() {
  Schema run = Schema::object()
                   .field("job", Schema::text().about("Its Job; kubectl logs job/NAME tells all."))
                   .field("outcome", Schema::choice({"Succeeded", "Failed"}))
                   .field("reason", Schema::text())
                   .field("message", Schema::text())
                   .field("startTime", Schema::text().with("format", "date-time"))
                   .field("completionTime", Schema::text().with("format", "date-time"));
  for (const char* count : {"added", "changed", "removed", "unchanged", "failed", "skipped"}) {
    run = std::move(run).field(count, count_schema());
  }
  return run;
}

Schema auto_indexer_status_schema() {
  return Schema::object()
      .field("observedGeneration", count_schema())
      .field("conditions", conditions_schema())
      .field("lastIndexedTime", Schema::text().with("format", "date-time"))
      .field("lastIndexedRevision",
             Schema::text().about("The commit, or a digest of what the URLs answered."))
      .field("lastAttemptTime", Schema::text().with("format", "date-time"))
      .field("nextScheduledTime", Schema::text().with("format", "date-time"))
      .field("documents", count_schema().about("In the index, from this source."))
      .field("failedDocuments", count_schema())
      .field("lastRun", run_schema().about("The last run that ended, as its pod reported it."));
}

}  // namespace

KindDescription describe_auto_indexer() {
  return {.type = auto_indexer_type(),
          .singular = "autoindexer",
          .short_names = {"aix"},
          .categories = {"kaito"},
          .scale = false,
          .versions = {
              {.name = "v1alpha1",
               .schema = document_schema("Keeps an index of a RAGEngine equal to a source.")
                             .required("spec", auto_indexer_spec_schema())
                             .field("status", auto_indexer_status_schema()),
               .columns =
                   {{.name = "Engine", .type = "string", .path = ".spec.ragEngine"},
                    {.name = "Index", .type = "string", .path = ".spec.indexName"},
                    condition_column("Ready", "Ready"),
                    {.name = "Documents", .type = "integer", .path = ".status.documents"},
                    {.name = "LastIndexed", .type = "date", .path = ".status.lastIndexedTime"},
                    {.name = "Schedule", .type = "string", .path = ".spec.schedule", .priority = 1},
                    age_column(),
                    message_column("Ready")},
               .deprecation = ""}}};
}

}  // namespace rage::apis::detail
