// What every place of indexes must do: the suite runs on the built-in one, and on PostgreSQL where
// tests/support/postgres.py started one (rag.postgres of ctest).
#include "rag/collections.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/files.h"
#include "embed/hashing_embedder.h"
#include "rag/hashes.h"
#include "rag/home_for_test.h"

namespace rage::rag {
namespace {

using testing::ElementsAre;

Document a_document(std::string text, codec::Json metadata = codec::Json::object()) {
  return {.text = std::move(text), .metadata = std::move(metadata)};
}

struct CollectionsTest : testing::TestWithParam<std::string> {
  void SetUp() override {
    if (!home.available()) GTEST_SKIP() << "no PostgreSQL: run by tests/support/postgres.py";
    collections = home.open(embedder);
    ASSERT_NE(collections, nullptr);
  }
  HomeForTest home{GetParam()};
  embed::HashingEmbedder embedder;
  std::unique_ptr<Collections> collections;

  void reopen() {
    collections.reset();
    collections = home.open(embedder);
  }
  std::vector<std::string> texts(std::string_view name) {
    std::vector<std::string> all;
    const auto collection = collections->find(name);
    if (!collection) return all;
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  std::vector<std::string> search(std::string_view name, const std::string& question) {
    std::vector<std::string> found;
    const auto hits = collections->retrieve({}, **collections->find(name), question, 10);
    for (const auto& hit : *hits) found.push_back(hit.chunk.text);
    return found;
  }
};

TEST_P(CollectionsTest, WhatWasAddedIsThereAfterAReopen) {
  const auto ids =
      collections->add({}, "fruit", {a_document("red apples", {{"n", 1}}), a_document("pears")});
  ASSERT_TRUE(ids);
  EXPECT_THAT(*ids, ElementsAre(document_id("red apples"), document_id("pears")));
  reopen();
  EXPECT_THAT(texts("fruit"), ElementsAre("red apples", "pears"));
  EXPECT_EQ(search("fruit", "red apples").front(), "red apples");
  EXPECT_THAT(*collections->names(), ElementsAre("fruit"));
}

// KAITO loses four of five concurrent first writes and answers 200 to all.
TEST_P(CollectionsTest, ConcurrentFirstWritesAllSurvive) {
  std::vector<std::jthread> writers;
  for (int i = 0; i < 5; ++i) {
    writers.emplace_back([this, i] {
      EXPECT_TRUE(collections->add({}, "new", {a_document("document " + std::to_string(i))}));
    });
  }
  writers.clear();
  EXPECT_EQ(texts("new").size(), 5U);
  reopen();
  EXPECT_EQ(texts("new").size(), 5U);
}

TEST_P(CollectionsTest, TheSameTextIsStoredOnce) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("same"), a_document("same")}));
  ASSERT_TRUE(collections->add({}, "i", {a_document("same")}));
  EXPECT_THAT(texts("i"), ElementsAre("same"));
}

// A room that moved must not stay in the old one because the text is the same.
TEST_P(CollectionsTest, ChangedMetadataReplacesTheOld) {
  ASSERT_TRUE(
      collections->add({}, "i", {a_document("talk", {{"room", "101"}}), a_document("other")}));
  ASSERT_TRUE(collections->add({}, "i", {a_document("talk", {{"room", "102"}})}));
  EXPECT_THAT(texts("i"), ElementsAre("other", "talk"));
  (*collections->find("i"))->snapshot()->for_each_row([](const Row& row) {
    if (row.chunk->text == "talk") {
      EXPECT_EQ(row.chunk->metadata["room"], "102");
    }
    return true;
  });
}

// Its first chunk need not begin where it does.
TEST_P(CollectionsTest, ADocumentThatBeginsWithBlankLinesIsKnownAgain) {
  std::string text = "\n\n  \n# Apples\n\n";
  for (int i = 0; i < 200; ++i) text += "Line " + std::to_string(i) + " says something new.\n\n";
  for (const std::string type : {"text", "markdown"}) {
    const codec::Json metadata = {{"split_type", type}, {"n", 1}};
    const auto ids = *collections->add({}, type, {a_document(text, metadata)});
    const auto rows = texts(type).size();
    ASSERT_GT(rows, 2U);
    reopen();
    auto presence =
        (*collections->find(type))->presence(ids, std::vector{a_document(text, metadata)});
    EXPECT_EQ(presence->front(), Presence::kSame) << type;
    const codec::Json changed = {{"split_type", type}, {"n", 2}};
    ASSERT_TRUE(collections->add({}, type, {a_document(text, changed)}));
    EXPECT_EQ(texts(type).size(), rows);
    presence = (*collections->find(type))->presence(ids, std::vector{a_document(text, changed)});
    EXPECT_EQ(presence->front(), Presence::kSame) << type;
  }
}

TEST_P(CollectionsTest, UpdateReplacesUnderTheSameIdAndTellsWhatItDid) {
  const auto ids =
      *collections->add({}, "i", {a_document("one"), a_document("two"), a_document("three")});
  const auto outcome = collections->update({}, "i",
                                           {{ids[1], a_document("two, revised")},
                                            {ids[2], a_document("three")},
                                            {"unknown", a_document("x")}});
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->updated, ElementsAre(0U));
  EXPECT_THAT(outcome->unchanged, ElementsAre(1U));
  EXPECT_THAT(outcome->not_found, ElementsAre(2U));
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
  // As in KAITO, the id stays taken: the original text is not added again.
  ASSERT_TRUE(collections->add({}, "i", {a_document("two")}));
  EXPECT_THAT(texts("i"), ElementsAre("one", "three", "two, revised"));
}

TEST_P(CollectionsTest, TheLastOfSeveralUpdatesOfOneDocumentWins) {
  const auto ids = *collections->add({}, "i", {a_document("one")});
  ASSERT_TRUE(collections->update({}, "i", {{ids[0], a_document("a")}, {ids[0], a_document("b")}}));
  EXPECT_THAT(texts("i"), ElementsAre("b"));
}

TEST_P(CollectionsTest, RemovedDocumentsStayRemoved) {
  const auto ids = *collections->add({}, "i", {a_document("one"), a_document("two")});
  const std::string wanted[] = {ids[0], "unknown"};
  const auto found = (*collections->find("i"))->remove(wanted);
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, ElementsAre(true, false));
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("two"));
}

// KAITO's deleted indexes come back after a restart.
TEST_P(CollectionsTest, ADeletedIndexDoesNotComeBack) {
  ASSERT_TRUE(collections->add({}, "gone", {a_document("text")}));
  ASSERT_TRUE(collections->remove("gone"));
  EXPECT_EQ(collections->remove("gone").error().message, "No such index: 'gone' exists.");
  reopen();
  EXPECT_TRUE(collections->names()->empty());
  ASSERT_TRUE(collections->add({}, "gone", {a_document("new text")}));
  EXPECT_THAT(texts("gone"), ElementsAre("new text"));
}

TEST_P(CollectionsTest, NamesAreArbitraryAndStayInsideTheDataDirectory) {
  const std::vector<std::string> names = {
      "", "..", "../../etc", "a/b", "x y?&%", std::string(300, 'n'), "ünï"};
  for (const std::string& name : names) {
    ASSERT_TRUE(collections->add({}, name, {a_document("in [" + name + "]")})) << name;
  }
  reopen();
  EXPECT_EQ(*collections->names(), names);
  for (const std::string& name : names) EXPECT_THAT(texts(name), ElementsAre("in [" + name + "]"));
  EXPECT_FALSE(std::filesystem::exists(home.data().parent_path() / "etc"));
}

TEST_P(CollectionsTest, NothingToStoreCreatesNothing) {
  EXPECT_TRUE(collections->add({}, "i", {})->empty());
  EXPECT_FALSE(collections->find("i"));
}

// Vectors of two models in one index would rank at random.
TEST_P(CollectionsTest, AnotherEmbedderIsRefusedAndTheIndexIsKept) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("text")}));
  collections.reset();
  embed::HashingEmbedder other(64);
  {
    const auto opened = home.open(other);
    ASSERT_NE(opened, nullptr);
    const auto found = opened->find("i");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(found.error().message, testing::HasSubstr("hashing-384"));
    EXPECT_THAT(found.error().message,
                testing::HasSubstr(home.is_shared() ? "persist it, delete it and load"
                                                    : "`rage reindex i`"));
    EXPECT_FALSE(opened->add({}, "i", {a_document("more")}));
  }
  reopen();
  EXPECT_THAT(texts("i"), ElementsAre("text"));
}

// A better embedder must not cost what is in an index, nor its answers until it has it.
TEST_P(CollectionsTest, AnIndexAnswersWithTheOldEmbedderAndCanBeGivenTheNewOne) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("red apples"), a_document("pears")}));
  collections.reset();
  embed::HashingEmbedder fresh(64);
  collections = home.open(fresh, {&embedder});
  EXPECT_EQ((*collections->find("i"))->embedder().id, "hashing-384");
  EXPECT_EQ(search("i", "red apples").front(), "red apples");
  const auto go_on = [](const ReindexProgress&) { return true; };
  const auto outcome = collections->reindex({}, "i", true, go_on);
  if (home.is_shared()) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::kUnimplemented);
    EXPECT_THAT(outcome.error().message, testing::HasSubstr("persist it, delete it and load"));
    ASSERT_TRUE(collections->persist("i", "copy"));
    ASSERT_TRUE(collections->remove("i"));
    ASSERT_TRUE(collections->load_persisted({}, "i", "copy", false));
  } else {
    ASSERT_TRUE(outcome) << outcome.error().message;
  }
  EXPECT_EQ((*collections->find("i"))->embedder().id, "hashing-64");
  EXPECT_THAT(texts("i"), ElementsAre("red apples", "pears"));
  EXPECT_EQ(search("i", "red apples").front(), "red apples");
  const auto again = collections->reindex({}, "i", true, go_on);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->done);
  EXPECT_EQ(collections->reindex({}, "none", true, go_on).error().code, ErrorCode::kNotFound);
}

TEST_P(CollectionsTest, ASecondProcessOnTheSameDataIsRefused) {
  if (home.is_shared()) GTEST_SKIP() << "several may use a database";
  const auto second = Collections::open(home.data(), embedder, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
}

TEST_P(CollectionsTest, ALongDocumentBecomesSeveralRowsWithOneId) {
  std::string text;
  for (int i = 0; i < 200; ++i)
    text += "Sentence number " + std::to_string(i) + " says something new. ";
  const auto ids = *collections->add({}, "i", {a_document(text)});
  std::size_t rows = 0;
  (*collections->find("i"))->snapshot()->for_each_row([&](const Row& row) {
    EXPECT_EQ(row.chunk->doc_id, ids[0]);
    ++rows;
    return true;
  });
  EXPECT_GT(rows, 2U);
}

// As in KAITO: no text and no metadata gives no row, with metadata one empty row.
TEST_P(CollectionsTest, EmptyTexts) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("")}));
  EXPECT_TRUE(texts("i").empty());
  ASSERT_TRUE(collections->add({}, "j", {a_document("", {{"a", 1}})}));
  EXPECT_THAT(texts("j"), ElementsAre(""));
}

TEST_P(CollectionsTest, ACancelledRequestStoresNothing) {
  std::stop_source stop;
  stop.request_stop();
  const auto added = collections->add({.stop = stop.get_token()}, "i", {a_document("text")});
  EXPECT_EQ(added.error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(collections->find("i"));
}

TEST_P(CollectionsTest, TheCorpusFollowsTheIndex) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("one")}));
  const auto collection = *collections->find("i");
  const auto first = collection->corpus();
  EXPECT_EQ(collection->corpus(), first);
  ASSERT_TRUE(collections->add({}, "i", {a_document("two")}));
  EXPECT_NE(collection->corpus(), first);
}

// A filter after the search empties pages; one that means something else on each back end is worse.
TEST_P(CollectionsTest, SearchesAndFiltersMeanTheSame) {
  std::vector<Document> documents;
  for (int i = 0; i < 300; ++i) {
    documents.push_back(a_document("number " + std::to_string(i) + " of many",
                                   {{"day", i % 3},
                                    {"weight", std::to_string(i) + " g"},
                                    {"date", "March " + std::to_string(1 + i % 28) + ", 2026"},
                                    {"even", i % 2 == 0}}));
  }
  ASSERT_TRUE(collections->add({}, "i", std::move(documents)));
  struct Case {
    const char* filter;
    std::size_t matching;
  };
  for (const Case& one : {Case{R"({"day": 1})", 100}, Case{R"({"even": 1, "day": 2.0})", 50},
                          Case{R"({"weight": {"$lt": "0.01 kg"}})", 10},
                          Case{R"({"date": {"$gte": "2026-03-28"}})", 10},
                          Case{R"({"$not": {"day": {"$in": [0, 1]}}})", 100},
                          Case{R"({"absent": {"$exists": true}})", 0}}) {
    const auto filter = MetadataFilter::parse(*codec::parse_json(one.filter));
    ASSERT_TRUE(filter) << one.filter;
    const auto hits =
        collections->retrieve({}, **collections->find("i"), "number 7 of many", 40, *filter);
    ASSERT_TRUE(hits) << hits.error().message;
    EXPECT_EQ(hits->size(), std::min<std::size_t>(40, one.matching)) << one.filter;
    for (const auto& hit : *hits) EXPECT_TRUE(filter->matches(hit.chunk.metadata)) << one.filter;
  }
}

// Chat with a database must rank, and weigh, as it does without one.
TEST_P(CollectionsTest, ScoresAreThoseOfTheBuiltInIndex) {
  const std::vector<std::string> texts = {"red apples and pears",
                                          "pods are scheduled by Kubernetes", "a pear tree",
                                          "apples", "something else entirely"};
  HomeForTest built_in("embedded");
  const auto reference = built_in.open(embedder);
  for (const auto& text : texts) {
    ASSERT_TRUE(collections->add({}, "i", {a_document(text)}));
    ASSERT_TRUE(reference->add({}, "i", {a_document(text)}));
  }
  for (const std::string question : {"red apples", "who schedules pods?", "apples"}) {
    SearchFigures found;
    SearchFigures expected;
    const auto hits = collections->retrieve({}, **collections->find("i"), question, 5, {}, &found);
    const auto wanted = reference->retrieve({}, **reference->find("i"), question, 5, {}, &expected);
    EXPECT_EQ(found.dense_candidates, expected.dense_candidates);
    EXPECT_EQ(found.sparse_candidates, expected.sparse_candidates);
    EXPECT_EQ(found.both, expected.both);
    ASSERT_TRUE(hits) << hits.error().message;
    ASSERT_EQ(hits->size(), wanted->size());
    for (std::size_t i = 0; i < hits->size(); ++i) {
      EXPECT_EQ((*hits)[i].chunk.text, (*wanted)[i].chunk.text);
      EXPECT_NEAR((*hits)[i].score, (*wanted)[i].score, 1e-4);
      EXPECT_NEAR(*(*hits)[i].dense_score, *(*wanted)[i].dense_score, 1e-4);
      EXPECT_EQ((*hits)[i].sparse_score.has_value(), (*wanted)[i].sparse_score.has_value());
    }
  }
}

TEST_P(CollectionsTest, WhereInItsDocumentAChunkStandsIsKept) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "Sätze wie " + std::to_string(i) + " sagen etwas Neues. ";
  const auto ids = *collections->add({}, "i", {a_document(text)});
  std::vector<std::size_t> begins;
  const auto note = [&] {
    std::vector<std::size_t> found;
    (*collections->find("i"))->snapshot()->for_each_row([&](const Row& row) {
      found.push_back(row.chunk->begin);
      return true;
    });
    return found;
  };
  begins = note();
  ASSERT_GT(begins.size(), 2U);
  EXPECT_EQ(begins.front(), 0U);
  EXPECT_GT(begins.back(), 1000U);
  reopen();
  EXPECT_EQ(note(), begins);
  const auto presence = (*collections->find("i"))->presence(ids, std::vector{a_document(text)});
  EXPECT_EQ(presence->front(), Presence::kSame);
}

TEST_P(CollectionsTest, TheGroundingModeIsTheIndexs) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("one")}));
  EXPECT_EQ((*collections->find("i"))->grounding_mode(), std::nullopt);
  ASSERT_TRUE((*collections->find("i"))->set_grounding_mode(GroundingMode::kAssist));
  reopen();
  EXPECT_EQ((*collections->find("i"))->grounding_mode(), GroundingMode::kAssist);
}

// KAITO's series never moves.
TEST_P(CollectionsTest, TheStoresLatencyIsMeasured) {
  ASSERT_TRUE(collections->add({}, "i", {a_document("one")}));
  search("i", "one");
  const std::vector<std::string> ids = {document_id("one")};
  ASSERT_TRUE(collections->remove_documents({}, "i", ids));
  const std::string metrics = collections->render_metrics();
  for (const std::string operation : {"insert", "query", "delete"}) {
    EXPECT_THAT(metrics,
                testing::HasSubstr("rag_vector_store_operation_latency_seconds_count{operation=\"" +
                                   operation + "\",status=\"success\"} 1"));
    EXPECT_THAT(metrics,
                testing::HasSubstr("rag_vector_store_operation_latency_seconds_count{operation=\"" +
                                   operation + "\",status=\"error\"} 0"));
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, CollectionsTest, testing::Values("embedded", "postgres"),
                         [](const auto& store) { return store.param; });

// Replicas: each a program of its own, all on one database.
struct ReplicasTest : testing::Test {
  void SetUp() override {
    if (!home.available()) GTEST_SKIP() << "no PostgreSQL: run by tests/support/postgres.py";
    for (auto& replica : replicas) replica = home.open(embedder);
  }
  static std::vector<std::string> texts(const Collections& replica, std::string_view name) {
    std::vector<std::string> all;
    const auto collection = replica.find(name);
    if (!collection) return {collection.error().message};
    (*collection)->snapshot()->for_each_row([&](const Row& row) {
      all.push_back(row.chunk->text);
      return true;
    });
    return all;
  }
  HomeForTest home{"postgres"};
  embed::HashingEmbedder embedder;
  std::unique_ptr<Collections> replicas[2];
};

TEST_F(ReplicasTest, EachSeesWhatTheOtherWasToldIsStored) {
  const auto ids = *replicas[0]->add({}, "i", {a_document("one"), a_document("two")});
  EXPECT_THAT(texts(*replicas[1], "i"), ElementsAre("one", "two"));
  ASSERT_TRUE(replicas[1]->update({}, "i", {{ids[0], a_document("one, revised")}}));
  EXPECT_THAT(texts(*replicas[0], "i"), ElementsAre("two", "one, revised"));
  // The id is taken, though this replica stored it itself.
  ASSERT_TRUE(replicas[0]->add({}, "i", {a_document("one")}));
  EXPECT_THAT(texts(*replicas[0], "i"), ElementsAre("two", "one, revised"));
  const std::vector<std::string> gone = {ids[1]};
  ASSERT_TRUE(replicas[0]->remove_documents({}, "i", gone));
  EXPECT_THAT(texts(*replicas[1], "i"), ElementsAre("one, revised"));
  const auto hits = replicas[1]->retrieve({}, **replicas[1]->find("i"), "two", 5);
  EXPECT_EQ(hits->size(), 1U);
  ASSERT_TRUE((*replicas[1]->find("i"))->set_grounding_mode(GroundingMode::kOff));
  EXPECT_EQ((*replicas[0]->find("i"))->grounding_mode(), GroundingMode::kOff);
}

// The name of a dropped index is free again, with nothing of the old one in anybody's memory.
TEST_F(ReplicasTest, AnIndexThatWasMadeAnewIsAnotherOne) {
  ASSERT_TRUE(replicas[0]->add({}, "i", {a_document("old")}));
  ASSERT_TRUE(replicas[1]->find("i"));
  ASSERT_TRUE(replicas[0]->remove("i"));
  EXPECT_EQ(replicas[1]->find("i").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(replicas[0]->add({}, "i", {a_document("new")}));
  EXPECT_THAT(texts(*replicas[1], "i"), ElementsAre("new"));
}

TEST_F(ReplicasTest, NoneLosesTheOthersWrites) {
  constexpr int kWrites = 8;
  std::vector<std::jthread> writers;
  for (int replica = 0; replica < 2; ++replica) {
    for (int writer = 0; writer < 2; ++writer) {
      writers.emplace_back([&, replica, writer] {
        for (int i = 0; i < kWrites; ++i) {
          const auto own = fmt::format("replica {} writer {} document {}", replica, writer, i);
          const auto shared = a_document("shared", {{"by", own}});
          EXPECT_TRUE(replicas[replica]->add({}, "i", {a_document(own), shared}));
        }
      });
    }
  }
  writers.clear();
  for (const auto& replica : replicas) EXPECT_EQ(texts(*replica, "i").size(), 4 * kWrites + 1U);
}

}  // namespace
}  // namespace rage::rag
