// kaito.sh AutoIndexer (ours): keeps an index of a RAGEngine equal to a source.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apis/meta.h"

namespace rage::apis {

struct GitSource {
  std::string url;
  std::string ref = "HEAD";
  std::vector<std::string> paths;  // Globs; empty: everything that can be read.
  std::vector<std::string> exclude_paths;
  std::string access_secret;
};

struct HttpSource {
  std::vector<std::string> urls;
  std::string access_secret;
};

enum class Retention { kRemove, kKeep };

struct AutoIndexer {
  ObjectMeta meta;
  std::string deletion_timestamp;  // RFC 3339; empty: not being deleted.
  std::string rag_engine;
  std::string index_name;
  std::optional<GitSource> git;  // Exactly one of the two, if the schema was kept.
  std::optional<HttpSource> http;
  std::string schedule;  // Empty: once, and whenever the spec changes.
  bool suspend = false;
  Retention deleted_documents = Retention::kRemove;
  int removed_percent_max = 50;
  Retention on_delete = Retention::kKeep;
  Json status;
};

// A v1alpha1 document; kInvalidArgument names the first value of a wrong type.
Result<AutoIndexer> parse_auto_indexer(const Json& document);

// A URL with a password in it ("https://user:secret@host/"): it would end up in logs and arguments.
bool has_password(std::string_view url);

}  // namespace rage::apis
