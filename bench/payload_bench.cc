// What reading a request or a reply costs: time and bytes a second, by size.
// Usage: payload_bench [--benchmark_filter=REGEX] [--benchmark_format=json]
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <string_view>

#include "base/check.h"
#include "payload/field_scanner.h"
#include "payload/inference_request.h"
#include "payload/response_reader.h"

namespace {

using namespace rage::payload;

constexpr std::string_view kChatPath = "/v1/chat/completions";
constexpr std::size_t kIds = 1'000'000;
// What a proxy hands on at once.
constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

// Prose with a line break now and then, as clients escape it.
std::string prose(std::size_t bytes) {
  static constexpr std::string_view kWords[] = {"the ",    "gateway ", "reads ", "a ",
                                                "request", ", then ",  "it is ", "routed.\\n"};
  std::mt19937 random(7);
  std::string text;
  while (text.size() < bytes) text += kWords[random() % std::size(kWords)];
  text.resize(bytes);
  if (text.ends_with('\\')) text.back() = '.';
  return text;
}

// A conversation of turns of up to 2 KB; the model stands last, as some clients write it.
std::string chat(std::size_t bytes) {
  std::string body = R"({"messages":[{"role":"system","content":"You are helpful."})";
  bool user = true;
  while (body.size() + 60 < bytes) {
    const std::size_t turn = std::min<std::size_t>(2000, bytes - body.size() - 55);
    body += user ? R"(,{"role":"user","content":")" : R"(,{"role":"assistant","content":")";
    body += prose(turn) + "\"}";
    user = !user;
  }
  return body + R"(],"stream":true,"max_tokens":100,"model":"llama-3"})";
}

std::string token_ids() {
  std::mt19937 random(7);
  std::string body = R"({"model":"llama-3","prompt":[)";
  for (std::size_t i = 0; i < kIds; ++i) {
    if (i > 0) body += ',';
    body += std::to_string(random() % 128256);
  }
  return body + "]}";
}

std::string events() {
  std::string stream;
  for (int i = 0; i < 1000; ++i) {
    stream += R"(data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk",)"
              R"("created":1770000000,"model":"llama-3","choices":[{"index":0,"delta":{"content":)"
              R"(" word"},"logprobs":null,"finish_reason":null}]})"
              "\n\n";
  }
  return stream;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes));
}

void parse(benchmark::State& state, std::string_view path, const std::string& body) {
  for (auto _ : state) {
    const auto request = parse_inference_request(path, "application/json", body);
    CHECK(request && request->model == "llama-3");
  }
  count_bytes(state, body.size());
}

void parse_chat(benchmark::State& state) {
  parse(state, kChatPath, chat(static_cast<std::size_t>(state.range(0))));
}

void parse_ids(benchmark::State& state) {
  parse(state, "/v1/completions", token_ids());
}

void scan(benchmark::State& state, const std::string& body) {
  for (auto _ : state) {
    const auto scanner = FieldScanner::create({"model"}, FieldScanner::Duplicates::kRefused);
    for (std::size_t at = 0; at < body.size(); at += kChunkBytes) {
      CHECK(scanner->feed(std::string_view(body).substr(at, kChunkBytes)));
    }
    CHECK(scanner->finish() && scanner->value("model") == "llama-3");
  }
  count_bytes(state, body.size());
}

void scan_chat(benchmark::State& state) {
  scan(state, chat(static_cast<std::size_t>(state.range(0))));
}

void scan_ids(benchmark::State& state) {
  scan(state, token_ids());
}

void read_events(benchmark::State& state) {
  const std::string stream = events();
  ResponseReaderOptions options{.event_stream = true};
  if (state.range(0) != 0) {
    options.served_model = "llama-3";
    options.client_model = "my-model";
  }
  const std::size_t event = stream.size() / 1000;
  for (auto _ : state) {
    const auto reader = ResponseReader::create(options);
    for (std::size_t at = 0; at < stream.size(); at += event) {
      benchmark::DoNotOptimize(reader->push(std::string_view(stream).substr(at, event), false));
    }
  }
  count_bytes(state, stream.size());
}

void replace(benchmark::State& state) {
  const std::string body = chat(static_cast<std::size_t>(state.range(0)));
  const auto request = parse_inference_request(kChatPath, "", body);
  CHECK(request);
  for (auto _ : state) {
    benchmark::DoNotOptimize(replace_model(body, *request->model_range, "another"));
  }
  count_bytes(state, body.size());
}

BENCHMARK(parse_chat)->ArgName("bytes")->Arg(2'800)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(parse_ids)->Unit(benchmark::kMillisecond);
BENCHMARK(replace)->ArgName("bytes")->Arg(2'800)->Arg(1'000'000);
BENCHMARK(scan_chat)->ArgName("bytes")->Arg(2'800)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(scan_ids)->Unit(benchmark::kMillisecond);
BENCHMARK(read_events)->ArgName("renamed")->Arg(0)->Arg(1);

}  // namespace
