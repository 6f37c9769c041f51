// Embedding throughput, latency, start and memory; prints one JSON object.
// Usage: embed_bench [--model FOLDER] [--precision auto|f32|bf16|int8] [--seconds S] [--texts-out
// FILE]
// --texts-out writes the texts as JSON lines, so that a peer measures the same ones
// (embed_peer.py).
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "codec/json.h"
#include "embed/factory.h"

namespace {

using rage::Context;
using rage::codec::Json;
using rage::embed::Embedder;
using rage::embed::TextKind;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kPassages = 128;
constexpr std::size_t kPassageTokens = 218;  // 220 with the special tokens.
constexpr std::size_t kQueries = 1024;
constexpr std::size_t kQueryTokens = 10;
constexpr std::size_t kPassagesACall = 16;

struct Options {
  std::string model = RAGE_CACHE_DIR "/models/packaged/all-MiniLM-L6-v2";
  rage::embed::Precision precision = rage::embed::Precision::kAuto;
  double seconds = 3;
  std::string texts_out;
};

struct Texts {
  std::vector<std::string> passages;
  std::vector<std::string> queries;
};

double ms_since(SteadyClock::time_point start) {
  return std::chrono::duration<double, std::milli>(SteadyClock::now() - start).count();
}

[[noreturn]] void stop_with(const std::string& message) {
  fmt::print(stderr, "embed_bench: {}\n", message);
  std::exit(1);
}

std::vector<std::string> make_texts(const Embedder& embedder, std::size_t count,
                                    std::size_t tokens) {
  static constexpr const char* kWords[] = {
      "the",     "a",        "model",   "cluster",  "operator", "room",     "speaker", "talk",
      "sunday",  "keynote",  "serves",  "requests", "with",     "low",      "latency", "and",
      "memory",  "index",    "search",  "answer",   "question", "document", "node",    "storage",
      "network", "security", "upgrade", "runs",     "in",       "of",       "between", "engineers",
      "release", "kernel",   "compile", "driver",   "open",     "source",   "license", "community"};
  std::mt19937 random(static_cast<std::uint32_t>(tokens));
  std::vector<std::string> texts(count);
  for (std::string& text : texts) {
    for (std::size_t words = 0; embedder.count_tokens(text) < tokens; ++words) {
      text += kWords[random() % std::size(kWords)];
      text += words % 12 == 11 ? ". " : " ";
    }
  }
  return texts;
}

void embed_or_stop(Embedder& embedder, std::span<const std::string> texts, TextKind kind) {
  const auto matrix = embedder.embed({}, texts, kind);
  if (!matrix) stop_with(matrix.error().message + " " + matrix.error().detail);
}

double percentile(std::vector<double>& sorted_ms, double share) {
  return sorted_ms[static_cast<std::size_t>(share * static_cast<double>(sorted_ms.size() - 1))];
}

Json summarize(std::vector<double> latencies_ms, double seconds) {
  std::ranges::sort(latencies_ms);
  return Json{{"per_second", static_cast<double>(latencies_ms.size()) / seconds},
              {"p50_ms", percentile(latencies_ms, 0.5)},
              {"p99_ms", percentile(latencies_ms, 0.99)}};
}

// Each thread asks one question after the other.
Json measure_queries(Embedder& embedder, const Texts& texts, std::size_t threads, double seconds) {
  std::vector<double> latencies;
  std::mutex mutex;
  const auto start = SteadyClock::now();
  {
    std::vector<std::jthread> callers;
    for (std::size_t caller = 0; caller < threads; ++caller) {
      callers.emplace_back([&, caller] {
        std::vector<double> mine;
        for (std::size_t i = caller * 61; ms_since(start) < seconds * 1000; ++i) {
          const auto begin = SteadyClock::now();
          embed_or_stop(embedder, std::span(texts.queries).subspan(i % kQueries, 1),
                        TextKind::kQuery);
          mine.push_back(ms_since(begin));
        }
        const std::scoped_lock lock(mutex);
        latencies.insert(latencies.end(), mine.begin(), mine.end());
      });
    }
  }
  return summarize(std::move(latencies), ms_since(start) / 1000);
}

double measure_passages(Embedder& embedder, const Texts& texts, double seconds,
                        const std::atomic<bool>* stop = nullptr) {
  std::size_t done = 0;
  const auto start = SteadyClock::now();
  while (ms_since(start) < seconds * 1000 && (stop == nullptr || !*stop)) {
    const auto part = std::span(texts.passages).subspan(done % kPassages, kPassagesACall);
    embed_or_stop(embedder, part, TextKind::kPassage);
    done += kPassagesACall;
  }
  return static_cast<double>(done) / ms_since(start) * 1000;
}

// What a person waits while somebody else indexes.
Json measure_queries_while_indexing(Embedder& embedder, const Texts& texts, double seconds) {
  std::atomic<bool> stop = false;
  std::jthread indexer([&] { measure_passages(embedder, texts, 3600, &stop); });
  Json result = measure_queries(embedder, texts, 1, seconds);
  stop = true;
  return result;
}

// "VmRSS" and the like, in MB.
double memory_mb(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::atof(line.c_str() + field.size() + 1) / 1024;
  }
  return 0;
}

void write_texts(const Texts& texts, const std::string& path) {
  std::string out;
  for (const auto& text : texts.queries) {
    out += rage::codec::render_json(Json{{"kind", "query"}, {"text", text}}) + "\n";
  }
  for (const auto& text : texts.passages) {
    out += rage::codec::render_json(Json{{"kind", "passage"}, {"text", text}}) + "\n";
  }
  if (const auto written = rage::write_file_atomically(path, out); !written) {
    stop_with(written.error().message);
  }
}

rage::embed::Precision precision_of(const std::string& wanted) {
  for (const auto& [name, precision] : rage::embed::kPrecisionNames) {
    if (name == wanted) return precision;
  }
  stop_with("unknown precision " + wanted);
}

Options parse_options(int count, char** arguments) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--model")
      options.model = value;
    else if (name == "--precision")
      options.precision = precision_of(value);
    else if (name == "--seconds")
      options.seconds = std::atof(value.c_str());
    else if (name == "--texts-out")
      options.texts_out = value;
    else
      stop_with("unknown option " + name + " " + value);
  }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  const auto start = SteadyClock::now();
  const Options options = parse_options(count, arguments);
  const auto made =
      rage::embed::make_embedder({.model = options.model, .precision = options.precision});
  if (!made) stop_with(made.error().message + " " + made.error().detail);
  Embedder& embedder = **made;
  Json result = {
      {"tool", "rage"}, {"model", std::string(embedder.id())}, {"compiler", __VERSION__}};
  result["load_ms"] = ms_since(start);
  const std::vector<std::string> first = {"Who gives the keynote on Sunday?"};
  embed_or_stop(embedder, first, TextKind::kQuery);
  result["first_vector_ms"] = ms_since(start);
  result["resident_mb_after_start"] = memory_mb("VmRSS");

  const Texts texts = {.passages = make_texts(embedder, kPassages, kPassageTokens),
                       .queries = make_texts(embedder, kQueries, kQueryTokens)};
  if (!options.texts_out.empty()) write_texts(texts, options.texts_out);
  measure_queries(embedder, texts, 4, 0.3);  // Meets the shapes once.
  result["query_1_thread"] = measure_queries(embedder, texts, 1, options.seconds);
  result["query_16_threads"] = measure_queries(embedder, texts, 16, options.seconds);
  result["passages_per_second"] = measure_passages(embedder, texts, options.seconds);
  result["query_while_indexing"] = measure_queries_while_indexing(embedder, texts, options.seconds);
  result["resident_mb"] = memory_mb("VmRSS");
  result["resident_anonymous_mb"] = memory_mb("RssAnon");
  result["resident_mb_peak"] = memory_mb("VmHWM");
  fmt::print("{}\n", rage::codec::render_json_pretty(result));
}
