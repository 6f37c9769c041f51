#include "cli/auto_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/sha256.h"
#include "base/strings.h"

namespace rage::cli {
namespace {

using codec::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class InstantClock final : public Clock {
 public:
  SteadyTime now() const override { return {}; }
  WallTime wall_now() const override { return {}; }
  bool sleep_for(std::chrono::nanoseconds, std::stop_token) override {
    ++pauses;
    return true;
  }
  int pauses = 0;
};

struct Page {
  int status = 200;
  std::string body;
  std::string etag;
};

// The RAG service at http://rag, and the web, which is everything else.
class World final : public net::HttpTransport {
 public:
  std::map<std::string, Json> index;  // Metadata by id.
  std::map<std::string, Page> web;
  int writes = 0;
  int unavailable = 0;   // So many requests to the service fail.
  int writes_left = -1;  // Then the process is killed: nothing works any more. -1: never.
  net::ClientRequest last;

  Result<net::HttpResponse> fetch(const Context&, const net::ClientRequest& request) override {
    last = request;
    if (!request.url.starts_with("http://rag")) return answer(request);
    if (unavailable > 0 && unavailable-- > 0) return net::HttpResponse{.status = 503};
    const Json body = codec::parse_json(request.body).value_or(Json());
    if (request.method == "GET") return list();
    if (writes_left == 0) return fail(ErrorCode::kInternal, "killed");
    --writes_left;
    ++writes;
    if (request.url.ends_with("/delete")) {
      for (const Json& id : body["doc_ids"]) index.erase(id.get<std::string>());
    } else {
      for (const Json& document : body["documents"]) {
        index[sha256_hex(document["text"].get<std::string>())] = document["metadata"];
      }
    }
    return net::HttpResponse::json(200, "{}");
  }

  Result<void> stream(const Context&, const net::ClientRequest&,
                      const std::function<bool(const net::HttpResponse&)>&,
                      const std::function<bool(std::string_view)>&) override {
    return fail(ErrorCode::kUnimplemented, "not here");
  }

  std::set<std::string> places() const {
    std::set<std::string> all;
    for (const auto& [id, metadata] : index) all.insert(place_of(metadata));
    return all;
  }

 private:
  net::HttpResponse list() const {
    Json rows = Json::array();
    for (const auto& [id, metadata] : index) {
      rows.push_back({{"doc_id", id}, {"text", "x"}, {"metadata", metadata}});
    }
    const std::size_t count = rows.size();
    return net::HttpResponse::json(
        200, codec::render_json({{"documents", std::move(rows)}, {"total_items", count}}));
  }
  net::HttpResponse answer(const net::ClientRequest& request) const {
    const auto found = web.find(request.url);
    if (found == web.end()) return {.status = 404};
    const Page& page = found->second;
    const std::string_view known = request.headers.find("if-none-match");
    if (!page.etag.empty() && known == page.etag) return {.status = 304};
    net::HttpResponse response{.status = page.status, .body = page.body};
    response.headers.set("content-type", "text/plain; charset=utf-8");
    if (!page.etag.empty()) response.headers.set("etag", page.etag);
    return response;
  }
};

class AutoIndex : public testing::Test {
 protected:
  apis::IndexReport run() {
    RagClient client(world_, {.base_url = "http://rag"});
    return run_auto_index(Context{}, clock_, client, world_, command_).report;
  }
  void publish(int from, int to) {
    command_.urls.clear();
    world_.web.clear();
    for (int i = from; i < to; ++i) {
      const std::string url = "https://example.com/" + std::to_string(i) + ".md";
      command_.urls.push_back(url);
      world_.web[url] = {.body = "text " + std::to_string(i)};
    }
  }

  World world_;
  InstantClock clock_;
  AutoIndexCommand command_{.index = "i", .source = {.owner = "default/docs"}};
};

TEST_F(AutoIndex, AddsChangesAndRemoves) {
  publish(0, 4);
  world_.index["theirs"] = {{"title", "by hand"}};
  apis::IndexReport report = run();
  EXPECT_TRUE(report.succeeded) << report.message;
  EXPECT_EQ(report.added, 4);
  EXPECT_EQ(report.documents, 4);
  world_.web["https://example.com/1.md"].body = "new text";
  world_.web.erase("https://example.com/2.md");
  report = run();
  EXPECT_EQ(report.changed, 1);
  EXPECT_EQ(report.removed, 1);
  EXPECT_EQ(report.unchanged, 2);
  EXPECT_EQ(report.documents, 3);
  EXPECT_EQ(world_.index.size(), 4U);
  EXPECT_TRUE(world_.index.contains("theirs"));
  EXPECT_EQ(world_.last.peers, net::Peers::kAny);  // The service is ours to reach.
}

// Embedding what is there already would cost the more the better a source is kept.
TEST_F(AutoIndex, WritesNothingWhereNothingChanged) {
  publish(0, 3);
  world_.web["https://example.com/0.md"].etag = "\"a\"";
  const apis::IndexReport first = run();
  const int writes = world_.writes;
  const apis::IndexReport second = run();
  EXPECT_EQ(world_.writes, writes);
  EXPECT_EQ(second.unchanged, 3);
  EXPECT_EQ(second.revision, first.revision);
  world_.web["https://example.com/0.md"].etag = "\"b\"";
  run();
  EXPECT_EQ(world_.writes, writes);
}

// A pod may be evicted at any moment.
TEST_F(AutoIndex, IsCompletedByTheNextRunWhereverItWasKilled) {
  for (int killed_after = 0; killed_after < 6; ++killed_after) {
    world_ = World();
    command_.removed_percent_max = 100;
    publish(0, 40);
    run();
    publish(30, 100);
    world_.writes_left = killed_after;
    run();
    world_.writes_left = -1;
    const apis::IndexReport report = run();
    EXPECT_TRUE(report.succeeded) << report.message;
    EXPECT_EQ(report.documents, 70) << killed_after;
    EXPECT_EQ(world_.places(), std::set<std::string>(command_.urls.begin(), command_.urls.end()));
  }
}

// A broken source must not empty the index.
TEST_F(AutoIndex, RemovesNothingIfTooMuchIsGone) {
  publish(0, 20);
  run();
  publish(0, 9);
  apis::IndexReport report = run();
  EXPECT_FALSE(report.succeeded);
  EXPECT_EQ(report.reason, "TooManyRemovals");
  EXPECT_THAT(report.message, HasSubstr("11 of 20"));
  EXPECT_EQ(exit_code_of(report), 3);
  EXPECT_EQ(world_.index.size(), 20U);
  command_.removed_percent_max = 60;
  EXPECT_EQ(run().removed, 11);
  EXPECT_EQ(world_.index.size(), 9U);
  command_.removed_percent_max = 0;
  publish(0, 2);
  EXPECT_EQ(run().removed, 0);
  command_.force = true;
  EXPECT_EQ(run().removed, 7);
}

// Whoever is told of 3 removals wants to know which.
TEST_F(AutoIndex, NamesWhatItDid) {
  publish(0, 3);
  run();
  world_.web["https://example.com/1.md"].body = "new text";
  world_.web.erase("https://example.com/2.md");
  RagClient client(world_, {.base_url = "http://rag"});
  const IndexRun done = run_auto_index(Context{}, clock_, client, world_, command_);
  EXPECT_THAT(done.details.added, IsEmpty());
  EXPECT_THAT(done.details.changed, ElementsAre("https://example.com/1.md"));
  EXPECT_THAT(done.details.removed, ElementsAre("https://example.com/2.md"));
  EXPECT_EQ(render_for_people(done),
            "~ https://example.com/1.md\n- https://example.com/2.md\n"
            "skipped: https://example.com/2.md: the server answered 404\n"
            "2 documents: 0 added, 1 changed, 1 removed, 1 unchanged, 0 failed, 1 skipped "
            "(revision " +
                done.report.revision + ")\n");
  EXPECT_EQ(run_json(done)["details"]["removed"], Json::array({"https://example.com/2.md"}));
}

TEST_F(AutoIndex, KeepsWhatCannotBeReadNowAndSaysSo) {
  publish(0, 3);
  run();
  world_.web["https://example.com/1.md"].status = 500;
  const apis::IndexReport report = run();
  EXPECT_EQ(report.reason, "SomeDocumentsFailed");
  EXPECT_THAT(report.failures, ElementsAre(HasSubstr("/1.md: the server answered 500")));
  EXPECT_EQ(report.documents, 3);
  EXPECT_EQ(report.failed, 1);
}

TEST_F(AutoIndex, KeepsRemovedDocumentsIfAsked) {
  publish(0, 2);
  run();
  command_.keep_removed = true;
  world_.web.erase("https://example.com/1.md");
  EXPECT_EQ(run().documents, 2);
}

TEST_F(AutoIndex, RemovesAllOfItsOwnAndNothingElse) {
  publish(0, 20);
  world_.index["theirs"] = {{"indexed_by", "default/other"}};
  run();
  command_.urls.clear();
  const apis::IndexReport report = run();
  EXPECT_TRUE(report.succeeded);
  EXPECT_EQ(report.removed, 20);
  EXPECT_THAT(world_.index, testing::SizeIs(1));
}

TEST_F(AutoIndex, WaitsForAServiceThatRestarts) {
  publish(0, 2);
  world_.unavailable = 3;
  EXPECT_TRUE(run().succeeded);
  EXPECT_EQ(clock_.pauses, 3);
  world_.unavailable = 1000;
  const apis::IndexReport report = run();
  EXPECT_EQ(report.reason, "ServiceUnavailable");
  EXPECT_EQ(exit_code_of(report), 1);
}

TEST_F(AutoIndex, OnlySaysWhatItWouldDo) {
  publish(0, 2);
  command_.dry_run = true;
  EXPECT_EQ(run().added, 2);
  EXPECT_EQ(world_.writes, 0);
}

// Secrets travel sealed, and never to a host of a document author's choice.
TEST_F(AutoIndex, SendsCredentialsOverHttpsOnly) {
  command_.source.credentials.token = "secret";
  command_.dry_run = true;
  command_.urls = {"https://example.com/a.md"};
  run();
  EXPECT_EQ(world_.last.headers.find("authorization"), "Bearer secret");
  EXPECT_EQ(world_.last.peers, net::Peers::kNotLocal);
  command_.urls = {"http://example.com/a.md"};
  run();
  EXPECT_EQ(world_.last.headers.find("authorization"), "");
}

TEST_F(AutoIndex, RefusesUrlsThatAreNoneOfTheWeb) {
  command_.urls = {"file:///etc/passwd", "https://me:secret@example.com/x", "ftp://h/x"};
  const apis::IndexReport report = run();
  EXPECT_EQ(report.failed, 3);
  EXPECT_TRUE(world_.index.empty());
}

}  // namespace
}  // namespace rage::cli
