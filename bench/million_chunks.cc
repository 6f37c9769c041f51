// A large index: how long a hybrid search takes, how much of an exact search it finds, what it
// costs in memory and time. Prints one JSON object.
//
// usage: million_chunks [ROWS [DIMENSION [QUERIES [EXPANSION_ADD]]]]    default: 1000000 384 200
// 128
//
// One vector in ten lies anywhere on the sphere, the others around one centre in 200 rows, at a
// cosine of about 0.8 to it, as chunks of one subject do. Texts have 60 words, as frequent as Zipf
// has them. Questions lie around the same centres and have 4 to 10 words. Nothing is stored or
// embedded: this is the search alone.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "rag/dense_search.h"
#include "rag/snapshot.h"
#include "vector/random_vectors_for_test.h"

namespace {

using namespace rage;
using Clock = std::chrono::steady_clock;

struct Plan {
  std::size_t rows = 1000000;
  std::size_t dimension = 384;
  std::size_t queries = 200;
  std::size_t expansion_add = 128;
};

double ms_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

// Ranks as Zipf has them, of 200,000 words.
std::string word(std::mt19937_64& random) {
  constexpr double kWords = 200000;
  const double uniform = std::uniform_real_distribution<double>(0, 1)(random);
  return "w" + std::to_string(static_cast<std::size_t>(std::pow(kWords, uniform)));
}

std::vector<std::string> words(std::mt19937_64& random, std::size_t count) {
  std::vector<std::string> all(count);
  for (std::string& one : all) one = word(random);
  return all;
}

class Sphere {
 public:
  explicit Sphere(const Plan& plan)
      : dimension_(plan.dimension),
        centres_(std::max<std::size_t>(1, plan.rows / 200)),
        middles_(vector::random_rows(centres_, dimension_, 1)) {}

  // Around a centre, or anywhere.
  void draw(std::mt19937_64& random, bool anywhere, std::span<float> out) const {
    std::normal_distribution<float> normal;
    for (float& value : out) value = normal(random);
    vector::normalise(out);
    if (anywhere) return;
    const float* middle = &middles_[random() % centres_ * dimension_];
    for (std::size_t i = 0; i < dimension_; ++i) out[i] = middle[i] + 0.75F * out[i];
    vector::normalise(out);
  }

 private:
  std::size_t dimension_;
  std::size_t centres_;
  std::vector<float> middles_;
};

rag::Snapshot build_snapshot(const Plan& plan, const Sphere& sphere) {
  std::mt19937_64 random(2);
  auto segment = std::make_shared<rag::Segment>();
  segment->vectors.resize(plan.rows * plan.dimension);
  segment->rows.reserve(plan.rows);
  // In parts, so that the words of all texts are never in memory at once.
  std::vector<text::SparseSegment> parts;
  std::vector<std::vector<std::string>> terms;
  for (std::size_t r = 0; r < plan.rows; ++r) {
    sphere.draw(random, r % 10 == 0,
                std::span(segment->vectors).subspan(r * plan.dimension, plan.dimension));
    auto chunk = std::make_shared<rag::Chunk>();
    chunk->doc_id = std::to_string(r);
    segment->rows.push_back({.sequence = static_cast<std::int64_t>(r) + 1, .chunk = chunk});
    terms.push_back(words(random, 20 + random() % 81));
    if (terms.size() == 50000 || r + 1 == plan.rows) {
      parts.push_back(text::SparseSegment::build(terms));
      terms.clear();
    }
  }
  std::vector<const text::SparseSegment*> pointers;
  for (const auto& part : parts) pointers.push_back(&part);
  const std::vector<const text::RowSet*> none(parts.size(), nullptr);
  segment->sparse = text::SparseSegment::merge(pointers, none);
  return {.dimension = plan.dimension,
          .segments = {{.segment = segment, .deleted = nullptr, .live_rows = plan.rows}}};
}

struct Question {
  std::vector<float> vector;
  std::vector<std::string> terms;
};

std::vector<Question> ask(const Plan& plan, const Sphere& sphere, bool anywhere) {
  std::mt19937_64 random(3);
  std::vector<Question> all(plan.queries);
  for (Question& question : all) {
    question.vector.resize(plan.dimension);
    sphere.draw(random, anywhere, question.vector);
    question.terms = words(random, 4 + random() % 7);
  }
  return all;
}

std::vector<vector::VectorHit> dense(const rag::Snapshot& snapshot, const Question& question,
                                     std::size_t hits_max, const vector::DenseGraph* graph) {
  const vector::VectorBlock block{.values = snapshot.segments[0].segment->vectors,
                                  .dimension = snapshot.dimension};
  return rag::search_dense(snapshot, std::span(&block, 1), question.vector, hits_max, graph);
}

// Of the exact best 10, how many the candidates of a search have; of the first questions.
double recall(const rag::Snapshot& snapshot, const std::vector<Question>& questions,
              const vector::DenseGraph& graph) {
  const std::size_t asked = std::min<std::size_t>(questions.size(), 50);
  double found = 0;
  for (std::size_t q = 0; q < asked; ++q) {
    const auto hits = dense(snapshot, questions[q], 200, &graph);
    for (const auto& exact : dense(snapshot, questions[q], 10, nullptr)) {
      found += static_cast<double>(std::ranges::count(hits.begin(), hits.begin() + 10, exact));
    }
  }
  return found / (10.0 * static_cast<double>(asked));
}

// By the clock, and what this thread spent of a core: on a busy machine they differ.
struct Times {
  std::vector<double> wall_ms;
  std::vector<double> cpu_ms;
};

template <class Run>
Times time_each(const std::vector<Question>& questions, std::size_t count, Run run) {
  Times times;
  for (std::size_t q = 0; q < std::min(count, questions.size()); ++q) {
    const auto begun = Clock::now();
    const double cpu = cpu_seconds();
    run(questions[q]);
    times.wall_ms.push_back(ms_since(begun));
    times.cpu_ms.push_back((cpu_seconds() - cpu) * 1000);
  }
  return times;
}

void print(const std::string& key, double value) {
  fmt::print("  \"{}\": {:.3f},\n", key, value);
  std::fflush(stdout);
}

void print_times(const std::string& what, const Times& times) {
  print(what + "_p50_ms", quantile(times.wall_ms, 0.5));
  print(what + "_p99_ms", quantile(times.wall_ms, 0.99));
  print(what + "_cpu_p50_ms", quantile(times.cpu_ms, 0.5));
}

void measure(const Plan& plan, const rag::Snapshot& snapshot, const vector::DenseGraph& graph,
             const Sphere& sphere) {
  const auto near = ask(plan, sphere, false);
  const auto far = ask(plan, sphere, true);
  print("recall_at_10_near", recall(snapshot, near, graph));
  print("recall_at_10_anywhere", recall(snapshot, far, graph));
  const auto hybrid = [&](const Question& question) {
    rag::retrieve(
        snapshot,
        {.vector = question.vector, .terms = question.terms, .hits_max = 5, .graph = &graph});
  };
  time_each(near, 20, hybrid);  // Warms the caches.
  print_times("hybrid", time_each(near, near.size(), hybrid));
  const text::SegmentView view{.segment = &snapshot.segments[0].segment->sparse};
  const auto sparse = [&](text::SparseSearch how) {
    return time_each(near, 100, [&](const Question& question) {
      text::search_sparse(std::span(&view, 1), question.terms, 200, how);
    });
  };
  print_times("bm25", sparse(text::SparseSearch::kPruned));
  print_times("bm25_exhaustive", sparse(text::SparseSearch::kExhaustive));
  const auto dense_side = [&](const vector::DenseGraph* with, std::size_t count) {
    return time_each(near, count, [&](const Question& q) { dense(snapshot, q, 200, with); });
  };
  print_times("dense", dense_side(&graph, 100));
  print_times("dense_exact", dense_side(nullptr, 20));
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  if (argc > 1) plan.rows = std::stoul(argv[1]);
  if (argc > 2) plan.dimension = std::stoul(argv[2]);
  if (argc > 3) plan.queries = std::stoul(argv[3]);
  if (argc > 4) plan.expansion_add = std::stoul(argv[4]);
  fmt::print("{{\n  \"rows\": {},\n  \"dimension\": {},\n", plan.rows, plan.dimension);
  const Sphere sphere(plan);
  const rag::Snapshot snapshot = build_snapshot(plan, sphere);
  print("bm25_mb", static_cast<double>(snapshot.segments[0].segment->sparse.bytes()) / 1e6);
  print("graph_expansion_add", static_cast<double>(plan.expansion_add));
  vector::DenseGraph graph({.dimension = plan.dimension, .expansion_add = plan.expansion_add});
  const auto begun = Clock::now();
  const double cpu = cpu_seconds();
  for (std::size_t r = 0; r < plan.rows; ++r) {
    const auto row = std::span(snapshot.segments[0].segment->vectors)
                         .subspan(r * plan.dimension, plan.dimension);
    if (!graph.add(static_cast<std::int64_t>(r) + 1, row)) return 1;
    if ((r + 1) % 50000 == 0) {
      fmt::print(stderr, "{} rows, {:.0f} s of CPU\n", r + 1, cpu_seconds() - cpu);
    }
  }
  print("graph_build_s", ms_since(begun) / 1000);
  print("graph_build_cpu_s", cpu_seconds() - cpu);
  print("graph_mb", static_cast<double>(graph.bytes()) / 1e6);
  measure(plan, snapshot, graph, sphere);
  fmt::print("  \"resident_mb\": {:.0f}\n}}\n", resident_mb());
  return 0;
}
