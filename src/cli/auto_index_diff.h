// What has to be done so that an index holds exactly the documents of a source. Pure.
//
// The index itself is the checkpoint: a document's id is the SHA-256 of its text, and its metadata
// says who put it there and where it came from. So a run that was cut short is completed by the
// next one, whatever it had done (docs/adr/0011).
#pragma once

#include <cstddef>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json.h"

namespace rage::cli {

// Keys of metadata. What an answer shows of a document does not use them but for the place.
inline constexpr const char* kOwnerKey = "indexed_by";
inline constexpr const char* kPathKey = "file_path";
inline constexpr const char* kUrlKey = "url";
// For the next reading; that they changed is no reason to write.
inline constexpr const char* kEtagKey = "etag";
inline constexpr const char* kModifiedKey = "last_modified";
inline constexpr const char* kLinkNoteKey = "etag_links";  // cli/site_link_note.h
inline constexpr const char* kDepthKey = "path_depth";     // Links from a site's first page to it.

struct IndexedDocument {
  std::string doc_id;
  codec::Json metadata;
};

struct SourceDocument {
  std::string place;  // A path or a URL.
  std::string text;
  codec::Json metadata;  // With the owner and the place.
};

struct IndexDiff {
  std::vector<std::size_t> write;  // Of the source's documents: not there, or with other metadata.
  std::vector<std::string> replaced;  // Ids: older texts of places that are still there.
  std::vector<std::string> removed;   // Ids of documents whose place left the source.
  std::size_t unchanged = 0;
  std::size_t owned = 0;  // Documents of this owner in the index.
  // Places, in order: of `write`, those that had no document and the others, and of `removed`.
  std::vector<std::string> places_added;
  std::vector<std::string> places_changed;
  std::vector<std::string> places_removed;

  bool empty() const { return write.empty() && replaced.empty() && removed.empty(); }
};

// The file or URL a document came from; empty if it does not say.
std::string place_of(const codec::Json& metadata);

// `kept_places`: what came from there stays as it is, because it could not be read now or has not
// changed. Documents of others are left alone, also where the source has the same text: whoever put
// them there first keeps them. Of several places with one text the one that the index names is
// kept, else the first.
IndexDiff diff_index(std::span<const SourceDocument> source,
                     const std::set<std::string, std::less<>>& kept_places,
                     std::span<const IndexedDocument> index, std::string_view owner);

}  // namespace rage::cli
