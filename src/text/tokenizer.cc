#include "text/tokenizer.h"

#include <array>
#include <string>
#include <utility>

#include "base/files.h"
#include "text/detail/tokenizer_files.h"
#include "text/sentencepiece.h"
#include "text/wordpiece.h"

namespace rage::text {
namespace {

using detail::Json;
using detail::kTokenizerFileBytesMax;
using detail::member;
using detail::text_or;

constexpr std::array<const char*, 3> kSentencePieceFiles = {"sentencepiece.bpe.model",
                                                            "sentencepiece.model", "spiece.model"};

Result<std::unique_ptr<Tokenizer>> from_json(std::string_view bytes) {
  const Json root = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object()) return detail::damaged_json("not JSON");
  const Json& model = member(root, "model");
  const bool has_scores = member(model, "vocab").is_array();  // Older files do not say the type.
  const std::string type = text_or(member(model, "type"), has_scores ? "Unigram" : "WordPiece");
  if (type == "WordPiece") return detail::word_piece_from_json(root);
  if (type != "Unigram") return detail::unknown_json("model '" + type + "'");
  ASSIGN_OR_RETURN(UnigramModel unigram, detail::unigram_from_json(root));
  return create_unigram_tokenizer(std::move(unigram));
}

std::string text_of(const std::filesystem::path& path, const char* name) {
  const auto bytes = read_file(path, kTokenizerFileBytesMax);
  if (!bytes) return {};
  return text_or(member(Json::parse(*bytes, nullptr, /*allow_exceptions=*/false), name), "");
}

// A sentencepiece file does not say which ids a model gives to its pieces.
Result<std::unique_ptr<Tokenizer>> from_pieces(const std::filesystem::path& folder,
                                               std::string_view bytes) {
  const std::string kind = text_of(folder / "tokenizer_config.json", "tokenizer_class");
  const std::string model = text_of(folder / "config.json", "model_type");
  if (kind.empty() ? model != "xlm-roberta" : !kind.starts_with("XLMRoberta")) {
    return fail(ErrorCode::kUnimplemented,
                "a sentencepiece file without tokenizer.json is not supported for '{}'",
                kind.empty() ? model : kind);
  }
  ASSIGN_OR_RETURN(UnigramModel unigram, parse_xlm_roberta_pieces(bytes));
  return create_unigram_tokenizer(std::move(unigram));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> load_tokenizer(const std::filesystem::path& folder) {
  const auto json = read_file(folder / "tokenizer.json", kTokenizerFileBytesMax);
  if (json) return from_json(*json);
  if (json.error().code != ErrorCode::kNotFound) return fail(json.error());
  const auto vocabulary = read_file(folder / "vocab.txt", kTokenizerFileBytesMax);
  if (vocabulary) return detail::word_piece_from_lines(folder, *vocabulary);
  if (vocabulary.error().code != ErrorCode::kNotFound) return fail(vocabulary.error());
  for (const char* name : kSentencePieceFiles) {
    const auto pieces = read_file(folder / name, kTokenizerFileBytesMax);
    if (pieces) return from_pieces(folder, *pieces);
    if (pieces.error().code != ErrorCode::kNotFound) return fail(pieces.error());
  }
  return fail(ErrorCode::kNotFound,
              "no tokenizer.json, vocab.txt or sentencepiece.bpe.model in the model's folder");
}

}  // namespace rage::text
