#include "cli/auto_index_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/sha256.h"

namespace rage::cli {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kOwner = "default/docs";
using Places = std::set<std::string, std::less<>>;

SourceDocument doc(const std::string& place, const std::string& text) {
  return {.place = place, .text = text, .metadata = {{kOwnerKey, kOwner}, {kPathKey, place}}};
}

// The RAG service, as far as it matters: adding what is there with other metadata replaces it.
struct Index {
  std::map<std::string, Json> documents;

  std::vector<IndexedDocument> list() const {
    std::vector<IndexedDocument> all;
    for (const auto& [id, metadata] : documents) all.push_back({id, metadata});
    return all;
  }
  void add(const SourceDocument& document) {
    documents[sha256_hex(document.text)] = document.metadata;
  }
};

// Carries out at most `steps` single operations, in the order of a run.
void apply(const IndexDiff& diff, const std::vector<SourceDocument>& source, Index& index,
           std::size_t steps = 1'000'000) {
  for (const std::size_t i : diff.write) {
    if (steps-- == 0) return;
    index.add(source[i]);
  }
  for (const auto* ids : {&diff.replaced, &diff.removed}) {
    for (const std::string& id : *ids) {
      if (steps-- == 0) return;
      index.documents.erase(id);
    }
  }
}

TEST(IndexDiff, TellsAdditionsChangesRenamesAndRemovalsApart) {
  Index index;
  for (const auto& [place, text] : std::map<std::string, std::string>{{"same.md", "same"},
                                                                      {"changed.md", "old"},
                                                                      {"old-name.md", "moved"},
                                                                      {"gone.md", "x"}}) {
    index.add(doc(place, text));
  }
  const std::vector<SourceDocument> source = {doc("same.md", "same"), doc("changed.md", "new"),
                                              doc("new-name.md", "moved"), doc("new.md", "added")};
  const IndexDiff diff = diff_index(source, {}, index.list(), kOwner);
  EXPECT_THAT(diff.write, ElementsAre(1, 2, 3));
  EXPECT_THAT(diff.places_added, testing::SizeIs(1));
  EXPECT_THAT(diff.places_changed, testing::SizeIs(2));  // The new text, and the new name.
  EXPECT_EQ(diff.unchanged, 1U);
  EXPECT_THAT(diff.replaced, ElementsAre(sha256_hex("old")));
  EXPECT_THAT(diff.removed, ElementsAre(sha256_hex("x")));
}

// Somebody's own documents, and another AutoIndexer's, must survive ours, also with the same text:
// two owners that overwrite each other would never come to rest.
TEST(IndexDiff, LeavesDocumentsOfOthersAlone) {
  Index index;
  index.documents[sha256_hex("by hand")] = {{"title", "mine"}};
  index.documents[sha256_hex("shared")] = {{kOwnerKey, "default/other"}, {kPathKey, "a.md"}};
  const std::vector<SourceDocument> source = {doc("a.md", "shared"), doc("b.md", "by hand")};
  EXPECT_TRUE(diff_index(source, {}, index.list(), kOwner).empty());
  EXPECT_TRUE(diff_index({}, {}, index.list(), kOwner).empty());
}

// A server that is down for a minute must not empty the index.
TEST(IndexDiff, KeepsWhatCouldNotBeRead) {
  Index index;
  index.add(doc("down.md", "still wanted"));
  index.add(doc("gone.md", "not wanted"));
  const IndexDiff diff = diff_index({}, {"down.md"}, index.list(), kOwner);
  EXPECT_THAT(diff.removed, ElementsAre(sha256_hex("not wanted")));
  EXPECT_EQ(diff.unchanged, 1U);
}

TEST(IndexDiff, WritesOneTextOnceAndKeepsItsName) {
  const std::vector<SourceDocument> source = {doc("a.md", "twice"), doc("b.md", "twice")};
  Index index;
  EXPECT_THAT(diff_index(source, {}, index.list(), kOwner).write, ElementsAre(0));
  index.add(doc("b.md", "twice"));
  EXPECT_TRUE(diff_index(source, {}, index.list(), kOwner).empty());
}

TEST(IndexDiff, DoesNotWriteForANewEtag) {
  SourceDocument document = doc("a.md", "text");
  Index index;
  document.metadata[kEtagKey] = "1";
  index.add(document);
  document.metadata[kEtagKey] = "2";
  document.metadata[kModifiedKey] = "now";
  EXPECT_TRUE(diff_index(std::vector{document}, {}, index.list(), kOwner).empty());
  document.metadata["title"] = "new";
  EXPECT_FALSE(diff_index(std::vector{document}, {}, index.list(), kOwner).empty());
}

// For any index and any source, cut short anywhere as often as one likes: the end is the source.
TEST(IndexDiff, ConvergesHoweverOftenItIsCutShort) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    const auto place = [&] { return std::string(1, static_cast<char>('a' + below(8))); };
    const auto text = [&] { return "text " + std::to_string(below(10)); };
    Index index;
    std::map<std::string, Json> foreign;
    for (unsigned i = below(6); i > 0; --i) index.add(doc(place(), text()));
    for (unsigned i = below(3); i > 0; --i) {
      const std::string id = sha256_hex(text());
      foreign[id] = index.documents[id] = {{kOwnerKey, "other"}};
    }
    std::map<std::string, std::string> files;
    for (unsigned i = below(8); i > 0; --i) files[place()] = text();
    std::vector<SourceDocument> source;
    for (const auto& [path, content] : files) source.push_back(doc(path, content));
    for (unsigned i = below(4); i > 0; --i) {
      apply(diff_index(source, {}, index.list(), kOwner), source, index, below(4));
    }
    apply(diff_index(source, {}, index.list(), kOwner), source, index);

    std::set<std::string> wanted;
    for (const SourceDocument& document : source) wanted.insert(sha256_hex(document.text));
    for (const auto& [id, metadata] : foreign) {
      EXPECT_EQ(index.documents[id], metadata) << seed;
      wanted.insert(id);
    }
    std::set<std::string> found;
    for (const auto& [id, metadata] : index.documents) found.insert(id);
    EXPECT_EQ(found, wanted) << seed;
    const IndexDiff again = diff_index(source, {}, index.list(), kOwner);
    EXPECT_TRUE(again.empty()) << seed;
    EXPECT_EQ(again.unchanged, again.owned) << seed;
  }
}

}  // namespace
}  // namespace rage::cli
