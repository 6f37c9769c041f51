#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "llm/chunk_reader.h"
#include "llm/openai_client.h"
#include "llm/rerank_client.h"

// Everything that a model server's bytes reach: the model list, error texts, URLs, streamed chunks.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto models = llm::parse_model_list(text)) {
    for (const llm::ModelInfo& model : *models) {
      CHECK(!model.id.empty());
      CHECK(!model.context_tokens_max || *model.context_tokens_max > 0);
    }
  }
  const std::string error = llm::extract_error_text(502, text);
  CHECK(!error.empty() && error.size() <= 3 * 2'000);
  if (const auto urls = llm::plan_openai_urls(text)) {
    const auto again = llm::plan_openai_urls(urls->chat_completions);
    CHECK(again.has_value() && again->chat_completions == urls->chat_completions);
  }
  if (const auto ranked = llm::parse_rerank_reply(text, 3)) {
    CHECK(ranked->size() <= 3);
    for (const llm::RankedDocument& document : *ranked) CHECK(document.index < 3);
  }
  const llm::ChunkReader::OnChunk ignore = [](const codec::Json&) { return true; };
  llm::ChunkReader reader(ignore);
  (void)reader.feed(text);
  (void)reader.finish();
  return 0;
}
