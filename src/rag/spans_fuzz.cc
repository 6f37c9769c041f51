#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "rag/answer_grammar.h"
#include "rag/chunk_places.h"
#include "rag/source_spans.h"
#include "text/unicode.h"

// Whatever a document and a statement are, spans lie in the document, in order and apart, and a
// grammar stays within its bounds.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string input = text::to_valid_utf8({reinterpret_cast<const char*>(bytes), size});
  const std::size_t half = input.find('\n');
  const std::string statement = input.substr(0, half);
  const std::string document = half == std::string::npos ? input : input.substr(half + 1);
  rag::Chunk chunk{.doc_id = "d", .node_id = "n", .text = document};
  rag::ChunkPlaces places;
  chunk.begin = places.next("d", document, chunk.text);
  CHECK(chunk.begin == 0);
  const rag::CorpusIndex corpus({chunk});
  std::size_t last = 0;
  const auto spans = rag::find_spans(statement, chunk, corpus);
  CHECK(spans.size() <= rag::kSpansMax);
  for (const rag::SourceSpan& span : spans) {
    CHECK(span.begin >= last && span.begin < span.end);
    last = span.end;
  }
  CHECK(last <= text::count_code_points(document));
  const rag::GrammarLimits limits;
  if (const auto grammar = rag::answer_grammar({{.chunk = chunk}}, statement, limits)) {
    CHECK(grammar->size() <= limits.bytes_max);
  }
  return 0;
}
