// Reading tokenizer.json and what goes with it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/sentencepiece.h"
#include "text/wordpiece.h"

namespace rage::text::detail {

using Json = nlohmann::json;

inline constexpr std::uint64_t kTokenizerFileBytesMax = 64U << 20U;

// kDataLoss and kUnimplemented, naming the member that is wrong or unknown.
std::unexpected<Error> damaged_json(std::string_view what);
std::unexpected<Error> unknown_json(std::string_view what);

// The member `name`, null if it is not there or `object` is no object.
const Json& member(const Json& object, const char* name);
std::string text_or(const Json& value, std::string fallback);
bool flag_or(const Json& value, bool fallback);

// Of a whole tokenizer.json.
Result<std::unique_ptr<WordPieceTokenizer>> word_piece_from_json(const Json& root);
Result<UnigramModel> unigram_from_json(const Json& root);

// Of vocab.txt, with what the folder's tokenizer_config.json says, if it is there.
Result<std::unique_ptr<WordPieceTokenizer>> word_piece_from_lines(
    const std::filesystem::path& folder, std::string_view vocabulary);

}  // namespace rage::text::detail
