#include "llm/chunk_reader.h"

#include "base/strings.h"
#include "llm/openai_client.h"
#include "llm/upstream_error.h"

namespace rage::llm {
namespace {

bool finishes(const codec::Json& chunk) {
  const codec::Json* choices = codec::find_key(chunk, "choices");
  if (choices == nullptr || !choices->is_array()) return false;  // Usage, at the end.
  for (const codec::Json& choice : *choices) {
    const codec::Json* reason = codec::find_key(choice, "finish_reason");
    if (reason != nullptr && !reason->is_null()) return true;
  }
  return false;
}

}  // namespace

bool ChunkReader::feed(std::string_view bytes) {
  auto fed = parser_.feed(bytes, [this](const codec::SseEvent& event) {
    if (!done_) take(event);
  });
  if (!fed && !done_) end(fail(std::move(fed).error()));
  return !done_;
}

void ChunkReader::take(const codec::SseEvent& event) {
  const std::string_view data = trim(event.data);
  if (data == "[DONE]") return end({});
  if (data.empty()) return;
  const auto chunk = codec::parse_json(data);
  if (!chunk || !chunk->is_object()) {
    return end(fail(ErrorCode::kDataLoss, "the model server's stream holds what is no chunk"));
  }
  if (auto error = find_error_in(*chunk)) return end(fail(*std::move(error)));
  if (event.event == "error") {
    return end(fail(ErrorCode::kUnavailable, "the model server reports an error: {}",
                    extract_error_text(500, data)));
  }
  has_finish_reason_ = has_finish_reason_ || finishes(*chunk);
  if (!on_chunk_(*chunk)) end({});
}

void ChunkReader::end(Result<void> result) {
  done_ = true;
  result_ = std::move(result);
}

Result<void> ChunkReader::finish() const {
  if (has_finish_reason_) return {};
  return fail(ErrorCode::kDataLoss, "the model server's stream ended before its answer");
}

}  // namespace rage::llm
