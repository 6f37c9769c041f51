// For the tests of this room: a service over a temporary directory, a writer that keeps what was
// sent, and a model that says what the test wants.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "embed/hashing_embedder.h"
#include "ragserver/service.h"

namespace rage::ragserver {

inline constexpr const char* kChatPath = "/v1/chat/completions";

class RecordingWriter final : public net::ResponseWriter {
 public:
  Result<void> send(net::HttpResponse response) override {
    status = response.status;
    headers = response.headers;
    body = response.body;
    ++answers;
    return {};
  }
  Result<void> begin(int begun_status, net::Headers begun_headers) override {
    status = begun_status;
    headers = std::move(begun_headers);
    ++answers;
    return {};
  }
  Result<void> write(std::string_view bytes) override {
    if (peer_left) return fail(ErrorCode::kCancelled, "gone");
    body.append(bytes);
    return {};
  }
  void abort() override { aborted = true; }

  codec::Json json() const {
    auto parsed = codec::parse_json(body);
    EXPECT_TRUE(parsed) << body;
    return parsed ? *parsed : codec::Json();
  }
  // The parsed events of a stream, [DONE] left out.
  std::vector<codec::Json> events() const {
    std::vector<codec::Json> all;
    codec::SseParser parser;
    EXPECT_TRUE(parser.feed(body, [&](const codec::SseEvent& event) {
      if (event.data != "[DONE]") all.push_back(*codec::parse_json(event.data));
    }));
    return all;
  }

  int status = 0;
  net::Headers headers;
  std::string body;
  int answers = 0;
  bool aborted = false;
  bool peer_left = false;
};

// What a chat completion says.
inline std::string content_of(const RecordingWriter& reply) {
  return reply.json()["choices"][0]["message"]["content"];
}

// Says `pieces` whatever it is asked, and keeps what it was asked.
class ScriptedLlm final : public llm::LlmClient {
 public:
  Result<codec::Json> complete(const Context&, const codec::Json& body) override {
    asked.push_back(body);
    return codec::Json::object();
  }
  Result<void> stream(const Context&, const codec::Json& body,
                      const std::function<bool(const codec::Json&)>& on_chunk) override {
    asked.push_back(body);
    if (failure) return fail(*failure);
    for (const std::string& piece : pieces) {
      const codec::Json chunk = {{"choices", {{{"index", 0}, {"delta", {{"content", piece}}}}}}};
      if (!on_chunk(chunk)) return {};
    }
    return {};
  }
  Result<void> forward(const Context&, std::string_view body,
                       const std::function<bool(const llm::RawReply&)>& on_head,
                       const std::function<bool(std::string_view)>& on_bytes) override {
    forwarded.emplace_back(body);
    if (failure) return fail(*failure);
    if (on_head(reply) && on_bytes(reply.body) && broken) return fail(ErrorCode::kDataLoss, "cut");
    return {};
  }
  Result<std::vector<llm::ModelInfo>> list_models(const Context&) override {
    return std::vector<llm::ModelInfo>{
        {.id = "small-model", .context_tokens_max = 8192, .stand_in = stand_in}};
  }

  std::vector<std::string> pieces;
  std::string stand_in;
  std::optional<Error> failure;
  bool broken = false;
  llm::RawReply reply{.status = 200, .content_type = "application/json", .body = R"({"id":"x"})"};
  std::vector<codec::Json> asked;
  std::vector<std::string> forwarded;
};

struct ServiceFixture : testing::Test {
  std::unique_ptr<TemporaryDirectory> directory = *TemporaryDirectory::create("rage-ragserver-");
  embed::HashingEmbedder embedder;
  std::unique_ptr<rag::Collections> collections =
      *rag::Collections::open(directory->path(), embedder, {});
  ScriptedLlm llm;
  std::unique_ptr<RagService> service =
      std::make_unique<RagService>(*collections, &llm, RagServiceOptions{});

  RecordingWriter call(std::string method, std::string path, std::string body = "",
                       std::string content_type = "application/json") {
    net::HttpRequest request{.method = std::move(method),
                             .path = std::move(path),
                             .query = {},
                             .headers = {{"content-type", std::move(content_type)}},
                             .body = std::move(body)};
    if (const std::size_t mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    RecordingWriter writer;
    service->handle({}, request, writer);
    EXPECT_EQ(writer.answers, 1) << request.path;
    return writer;
  }
  RecordingWriter post(std::string path, const codec::Json& body) {
    return call("POST", std::move(path), codec::render_json(body));
  }
  void index(const std::string& name, const std::vector<codec::Json>& documents) {
    const auto reply = post("/index", {{"index_name", name}, {"documents", documents}});
    ASSERT_EQ(reply.status, 200) << reply.body;
  }
};

}  // namespace rage::ragserver
