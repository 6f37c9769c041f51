#include "payload/response_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rage::payload {
namespace {

struct Read {
  std::string out;
  std::optional<Usage> usage;
};

Read read_in_pieces(const ResponseReaderOptions& options, std::string_view bytes,
                    std::size_t piece) {
  const auto reader = ResponseReader::create(options);
  Read read;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    read.out += reader->push(bytes.substr(at, piece), false);
  }
  read.out += reader->push("", true);
  read.usage = reader->usage();
  return read;
}

// Whatever the cut, the same bytes and the same counts.
Read read_all(const ResponseReaderOptions& options, std::string_view bytes) {
  const Read whole = read_in_pieces(options, bytes, bytes.size() + 1);
  for (std::size_t piece = 1; piece < bytes.size(); piece += piece < 40 ? 1 : 17) {
    const Read cut = read_in_pieces(options, bytes, piece);
    EXPECT_EQ(cut.out, whole.out) << piece;
    EXPECT_EQ(cut.usage, whole.usage) << piece;
  }
  return whole;
}

const ResponseReaderOptions kJsonOptions = {};
const ResponseReaderOptions kEvents = {.event_stream = true};
const ResponseReaderOptions kRenaming = {.served_model = "base", .client_model = "my \"own\""};
const ResponseReaderOptions kRenamingEvents = {
    .event_stream = true, .served_model = "base", .client_model = "mine"};

TEST(ResponseReader, ReadsUsageAsEachServerSpellsIt) {
  for (const auto& [body, usage] : {
           std::pair(R"({"usage":{"prompt_tokens":7,"total_tokens":17,"completion_tokens":10}})",
                     Usage{7, 10, 0}),
           std::pair(R"({"choices":[{"usage":{"prompt_tokens":1}}],"usage":{"prompt_tokens":7,)"
                     R"("prompt_tokens_details":{"cached_tokens":4,"x":[]}}})",
                     Usage{7, 0, 4}),
           std::pair(R"({"usage":{"input_tokens":7,"input_tokens_details":{"cached_tokens":4},)"
                     R"("output_tokens":3}})",
                     Usage{7, 3, 4}),
           std::pair(R"({"usage":{"input_tokens":7,"cache_read_input_tokens":90,)"
                     R"("cache_creation_input_tokens":3,"output_tokens":5}})",
                     Usage{100, 5, 90}),
           std::pair(R"({"text":"x","meta_info":{"prompt_tokens":7,"completion_tokens":2,)"
                     R"("cached_tokens":6,"logprobs":[[1,2],{"prompt_tokens":9}]}})",
                     Usage{7, 2, 6}),
           std::pair(R"({"usage":{"prompt_tokens":7,"cache_read_input_tokens":6,)"
                     R"("prompt_tokens_details":{"cached_tokens":6}}})",
                     Usage{7, 0, 6}),
       }) {
    const Read read = read_all(kJsonOptions, body);
    EXPECT_EQ(read.out, body);
    ASSERT_TRUE(read.usage) << body;
    EXPECT_EQ(*read.usage, usage) << body;
  }
  for (const char* body :
       {"", R"({"usage":null})", R"({"usage":{"prompt_tokens":"7"}})", R"(["usage"])",
        R"({"a":{"usage":{"prompt_tokens":7}}})", R"({"usage":{"prompt_tokens":1.5}})",
        R"({"usage":{"prompt_tokens":99999999999999999999999}})"}) {
    const Read read = read_all(kJsonOptions, body);
    EXPECT_EQ(read.out, body);
    EXPECT_FALSE(read.usage) << body;
  }
}

// The reference loses the usage of an event that two chunks share.
TEST(ResponseReader, ReadsUsageFromEventsWhereverTheyAreCut) {
  const std::string openai =
      "data: {\"choices\":[{\"delta\":{\"content\":\"usage\"}}],\"usage\":null}\n\n"
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":17,"
      "\"completion_tokens\":10}}\n\ndata: [DONE]\n\n";
  Read read = read_all(kEvents, openai);
  EXPECT_EQ(read.out, openai);
  EXPECT_EQ(read.usage, (Usage{7, 10, 0}));

  const std::string anthropic =
      "event: message_start\r\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"c\","
      "\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n"
      ": keep-alive\r\n\r\n"
      "event: message_delta\r\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}"
      "\r\n\r\n";
  read = read_all(kEvents, anthropic);
  EXPECT_EQ(read.out, anthropic);
  EXPECT_EQ(read.usage, (Usage{30, 15, 5}));

  const std::string responses =
      "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"usage\":"
      "{\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":2},\"output_tokens\":4}}}";
  read = read_all(kEvents, responses);
  EXPECT_EQ(read.usage, (Usage{3, 4, 2}));

  // Lines of one event are one text; a comment or another field may stand between them.
  const std::string lines =
      "id: 1\rdata:{\"usage\":\r: x\rdata\rdata: {\"prompt_tokens\":\rdata:8}}\r\r"
      "datax: {\"usage\":{\"prompt_tokens\":9}}\r\r";
  read = read_all(kEvents, lines);
  EXPECT_EQ(read.out, lines);
  EXPECT_EQ(read.usage, (Usage{8, 0, 0}));
}

// The client asked for a name it knows; no other text may change, least of all what a model wrote.
TEST(ResponseReader, PutsTheModelsNameBack) {
  for (const auto& [body, expected] : {
           std::pair(R"({"id":"1","model":"base","x":1})",
                     R"({"id":"1","model":"my \"own\"","x":1})"),
           std::pair(R"({ "mod\u0065l" :  "b\u0061se" } )", R"({ "mod\u0065l" :  "my \"own\"" } )"),
           std::pair(R"({"model":"other"})", R"({"model":"other"})"),
           std::pair(R"({"model":"base2"})", R"({"model":"base2"})"),
           std::pair(R"({"model":["base"],"m":"base"})", R"({"model":["base"],"m":"base"})"),
           std::pair(R"({"choices":[{"model":"base","message":{"model":"base","content":)"
                     R"("{\"model\":\"base\"}"}}]})",
                     R"({"choices":[{"model":"base","message":{"model":"base","content":)"
                     R"("{\"model\":\"base\"}"}}]})"),
           std::pair(R"({"response":{"model":"base","x":{"model":"base"}}})",
                     R"({"response":{"model":"my \"own\"","x":{"model":"base"}}})"),
           std::pair(R"("model":"base")", R"("model":"base")"),
           std::pair(R"(no JSON {"model":"base"})", R"(no JSON {"model":"base"})"),
           std::pair(R"({"model":"bas)", R"({"model":"bas)"),
           std::pair("{\"model\":\"ba\nse\"}", "{\"model\":\"ba\nse\"}"),
       }) {
    EXPECT_EQ(read_all(kRenaming, body).out, expected);
  }
}

TEST(ResponseReader, PutsTheModelsNameBackInEvents) {
  const std::string in =
      "data: "
      "{\"model\":\"base\",\"choices\":[{\"delta\":{\"content\":\"\\\"model\\\":\\\"base\\\"\"}}]}"
      "\n\nevent: \"model\":\"base\"\ndata: {\"message\":{\"model\": \"base\"}}\n\n"
      "data: {\"a\":1,\ndata: \"model\":\"base\"}\n\ndata: {\"model\":\"ba\ndata: se\"}\n\n"
      "data: {\"model\":\"base";
  const std::string out =
      "data: "
      "{\"model\":\"mine\",\"choices\":[{\"delta\":{\"content\":\"\\\"model\\\":\\\"base\\\"\"}}]}"
      "\n\nevent: \"model\":\"base\"\ndata: {\"message\":{\"model\": \"mine\"}}\n\n"
      "data: {\"a\":1,\ndata: \"model\":\"mine\"}\n\ndata: {\"model\":\"ba\ndata: se\"}\n\n"
      "data: {\"model\":\"base";
  EXPECT_EQ(read_all(kRenamingEvents, in).out, out);
}

// A token is shown when it arrives: only a model's unfinished name may wait.
TEST(ResponseReader, HoldsBackOnlyAModelsName) {
  const auto reader = ResponseReader::create(kRenaming);
  EXPECT_EQ(reader->push(R"({"id":"bas)", false), R"({"id":"bas)");
  EXPECT_EQ(reader->push(R"(e","mod)", false), R"(e","mod)");
  EXPECT_EQ(reader->push(R"(el":"ba)", false), R"(el":)");
  EXPECT_EQ(reader->push("se", false), "");
  EXPECT_EQ(reader->push("\"", false), R"("my \"own\"")");
  const std::string longer(100, 'e');
  EXPECT_EQ(reader->push(",\"model\":\"bas" + longer, false), ",\"model\":\"bas" + longer);
  EXPECT_EQ(reader->push("\"}", true), "\"}");
}

}  // namespace
}  // namespace rage::payload
