#include "assistant/sentence_buffer.h"

#include <algorithm>

#include "text/sentences.h"

namespace rage::assistant {
namespace {

constexpr std::size_t kPatience = 1000;  // Bytes without an end of a sentence.

// How much of `text` will not change whatever follows.
std::size_t complete_length(std::string_view text) {
  std::size_t length = 0;
  const auto sentences = text::split_sentences(text);
  if (sentences.size() > 1) length = sentences.back().begin;
  const std::size_t line = text.rfind('\n');
  if (line != std::string_view::npos) length = std::max(length, line + 1);
  if (length == 0 && text.size() > kPatience) {
    const std::size_t space = text.rfind(' ');
    if (space != std::string_view::npos) length = space + 1;
  }
  return length;
}

}  // namespace

std::string SentenceBuffer::feed(std::string_view piece) {
  text_ += piece;
  const std::size_t length = complete_length(text_);
  std::string complete = text_.substr(0, length);
  text_.erase(0, length);
  return complete;
}

}  // namespace rage::assistant
