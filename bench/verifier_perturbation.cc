// How often the verifier drops a sentence that was tampered with, and how often a true one: for
// every record of a schedule, or of the corpus given as the first argument ({"documents": [...]}).
// The second argument takes every so many-th record only; a third, "examples", prints what went
// wrong as well.
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <sstream>

#include "base/strings.h"
#include "codec/json.h"
#include "rag/perturb_measure_for_test.h"

namespace {

using rage::codec::Json;
using namespace rage::rag;

std::vector<Chunk> read_chunks(const char* path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  std::vector<Chunk> chunks;
  const auto index = rage::codec::parse_json(text.str());
  if (!index || !index->contains("documents")) return chunks;
  for (const Json& document : (*index)["documents"]) {
    const std::string id = "doc-" + std::to_string(chunks.size());
    chunks.push_back(
        {id, id + "-0", rage::codec::string_or(document, "text", ""), document["metadata"]});
  }
  return chunks;
}

Json render_rate(const for_test::Rate& rate, bool examples) {
  Json json = {{"sentences", rate.sentences}, {"wrong", rate.wrong}};
  json["percent_wrong"] = rate.sentences == 0 ? 0.0
                                              : 100.0 * static_cast<double>(rate.wrong) /
                                                    static_cast<double>(rate.sentences);
  if (examples && !rate.examples.empty()) json["examples"] = rate.examples;
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "examples/scale23x/schedule_index.json";
  const CorpusIndex corpus(read_chunks(path));
  if (corpus.records().empty()) {
    fmt::print(stderr, "{}: no documents\n", path);
    return 1;
  }
  const std::size_t stride = argc > 2 ? rage::parse_uint(argv[2]).value_or(1) : 1;
  const auto statements = for_test::Perturbations(corpus).generate(stride == 0 ? 1 : stride);
  const auto begin = std::chrono::steady_clock::now();
  const for_test::Rates rates = for_test::measure(statements, corpus);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  Json report = {
      {"faithful", render_rate(rates.faithful, false)},
      {"unfaithful", render_rate(rates.unfaithful, false)},
      {"microseconds_per_answer", took.count() / static_cast<double>(statements.size())}};
  for (const auto& [kind, rate] : rates.kinds) report["kinds"][kind] = render_rate(rate, argc > 3);
  fmt::print("{}\n", rage::codec::render_json(report));
}
