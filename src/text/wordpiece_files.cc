// Reads a WordPiece tokenizer from the files that a model folder has.
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/strings.h"
#include "text/detail/tokenizer_files.h"
#include "text/wordpiece.h"

namespace rage::text {
namespace {

using detail::damaged_json;
using detail::flag_or;
using detail::Json;
using detail::member;
using detail::text_or;
using detail::unknown_json;

constexpr std::size_t kTokensMax = 4U << 20;

Result<void> read_normalizer(const Json& normalizer, WordPieceOptions& options) {
  if (text_or(member(normalizer, "type"), "") != "BertNormalizer")
    return unknown_json("normalizer");
  if (!flag_or(member(normalizer, "clean_text"), true)) return unknown_json("clean_text: false");
  options.split_cjk = flag_or(member(normalizer, "handle_chinese_chars"), true);
  options.lower_case = flag_or(member(normalizer, "lowercase"), true);
  options.strip_accents = flag_or(member(normalizer, "strip_accents"), options.lower_case);
  return {};
}

Result<void> read_added_tokens(const Json& tokens, WordPieceOptions& options) {
  if (!tokens.is_array()) return {};
  options.special_tokens.clear();
  for (const Json& token : tokens) {
    // Spaces that lstrip and rstrip swallow make no tokens here anyway.
    if (flag_or(member(token, "single_word"), false) ||
        flag_or(member(token, "normalized"), false)) {
      return unknown_json("an added token that is normalized or a single word");
    }
    options.special_tokens.push_back(text_or(member(token, "content"), ""));
  }
  return {};
}

// What stands before and after a text: a template, or BERT's and RoBERTa's own processors.
Result<void> read_post_processor(const Json& processor, WordPieceOptions& options) {
  if (processor.is_null()) return {};
  const std::string type = text_or(member(processor, "type"), "");
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const Json& first = member(processor, "cls");
    const Json& last = member(processor, "sep");
    if (!first.is_array() || first.empty() || !last.is_array() || last.empty()) {
      return damaged_json("post_processor");
    }
    options.first_token = text_or(first[0], "");
    options.last_token = text_or(last[0], "");
    return {};
  }
  if (type != "TemplateProcessing") return unknown_json("post_processor");
  const Json& single = member(processor, "single");
  if (!single.is_array() || single.size() != 3) return unknown_json("post_processor");
  options.first_token = text_or(member(member(single[0], "SpecialToken"), "id"), "");
  options.last_token = text_or(member(member(single[2], "SpecialToken"), "id"), "");
  return {};
}

Result<std::vector<std::string>> read_vocabulary(const Json& vocabulary) {
  if (!vocabulary.is_object()) return damaged_json("model.vocab");
  std::vector<std::string> tokens(vocabulary.size());
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_unsigned() || id.get<std::uint64_t>() >= kTokensMax) {
      return damaged_json("an id of model.vocab");
    }
    const auto index = id.get<std::size_t>();
    if (index >= tokens.size()) tokens.resize(index + 1);
    tokens[index] = token;
  }
  return tokens;
}

std::vector<std::string> vocabulary_lines(std::string_view bytes) {
  std::vector<std::string> lines;
  for (std::string_view line : split(bytes, '\n')) {
    while (!line.empty() && is_ascii_space(line.back())) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// The options that go with a vocab.txt; the defaults where the file is absent or says nothing.
WordPieceOptions read_config(const std::filesystem::path& folder) {
  WordPieceOptions options;
  const auto bytes = read_file(folder / "tokenizer_config.json", detail::kTokenizerFileBytesMax);
  if (!bytes) return options;
  const Json root = Json::parse(*bytes, nullptr, /*allow_exceptions=*/false);
  options.lower_case = flag_or(member(root, "do_lower_case"), true);
  options.strip_accents = flag_or(member(root, "strip_accents"), options.lower_case);
  options.split_cjk = flag_or(member(root, "tokenize_chinese_chars"), true);
  return options;
}

}  // namespace

Result<std::unique_ptr<WordPieceTokenizer>> detail::word_piece_from_json(const Json& root) {
  const Json& model = member(root, "model");
  if (text_or(member(model, "continuing_subword_prefix"), "##") != "##") {
    return unknown_json("continuing_subword_prefix");
  }
  if (text_or(member(member(root, "pre_tokenizer"), "type"), "") != "BertPreTokenizer") {
    return unknown_json("pre_tokenizer");
  }
  WordPieceOptions options;
  options.unknown_token = text_or(member(model, "unk_token"), options.unknown_token);
  const Json& characters_max = member(model, "max_input_chars_per_word");
  if (characters_max.is_number_unsigned()) {
    options.word_characters_max = characters_max.get<std::size_t>();
  }
  RETURN_IF_ERROR(read_normalizer(member(root, "normalizer"), options));
  RETURN_IF_ERROR(read_added_tokens(member(root, "added_tokens"), options));
  RETURN_IF_ERROR(read_post_processor(member(root, "post_processor"), options));
  ASSIGN_OR_RETURN(auto vocabulary, read_vocabulary(member(model, "vocab")));
  return WordPieceTokenizer::create(std::move(vocabulary), options);
}

Result<std::unique_ptr<WordPieceTokenizer>> detail::word_piece_from_lines(
    const std::filesystem::path& folder, std::string_view vocabulary) {
  return WordPieceTokenizer::create(vocabulary_lines(vocabulary), read_config(folder));
}

}  // namespace rage::text
