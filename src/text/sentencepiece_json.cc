// Reads a Unigram tokenizer from the tokenizer.json of Hugging Face `tokenizers`.
#include <optional>
#include <utility>

#include "base/base64.h"
#include "text/detail/tokenizer_files.h"
#include "text/sentencepiece.h"

namespace rage::text {
namespace {

using detail::damaged_json;
using detail::flag_or;
using detail::Json;
using detail::member;
using detail::text_or;
using detail::unknown_json;

// Steps that we know, in the one order in which we apply them.
enum class Step : std::uint8_t { kNone, kCharacterMap, kStrip, kSpaces };

Result<void> read_spaces(const Json& step, UnigramModel& model) {
  const std::string content = text_or(member(step, "content"), "");
  if (text_or(member(member(step, "pattern"), "Regex"), "") != " {2,}" ||
      (content != " " && content != kWordBegin)) {
    return unknown_json("a Replace of anything but more than one space");
  }
  model.spaces_become = content;
  return {};
}

Result<void> read_normalizer_step(const Json& step, Step& last, UnigramModel& model) {
  const std::string type = text_or(member(step, "type"), "");
  const Step now = type == "Precompiled" ? Step::kCharacterMap
                   : type == "Strip"     ? Step::kStrip
                   : type == "Replace"   ? Step::kSpaces
                                         : Step::kNone;
  if (now == Step::kNone) return unknown_json("normalizer '" + type + "'");
  if (now <= last) return unknown_json("the order of its normalizers");
  last = now;
  if (now == Step::kSpaces) return read_spaces(step, model);
  if (now == Step::kStrip) {
    model.strip_left = flag_or(member(step, "strip_left"), false);
    model.strip_right = flag_or(member(step, "strip_right"), false);
    return {};
  }
  const Json& map = member(step, "precompiled_charsmap");
  if (!map.is_string()) return damaged_json("precompiled_charsmap");
  ASSIGN_OR_RETURN(model.character_map, decode_base64(map.get_ref<const std::string&>()));
  return {};
}

Result<void> read_normalizer(const Json& normalizer, UnigramModel& model) {
  if (normalizer.is_null()) return {};
  Step last = Step::kNone;
  if (text_or(member(normalizer, "type"), "") != "Sequence") {
    return read_normalizer_step(normalizer, last, model);
  }
  for (const Json& step : member(normalizer, "normalizers")) {
    RETURN_IF_ERROR(read_normalizer_step(step, last, model));
  }
  return {};
}

Result<void> check_metaspace(const Json& step) {
  if (text_or(member(step, "type"), "") != "Metaspace") return unknown_json("pre_tokenizer");
  if (text_or(member(step, "replacement"), "") != kWordBegin) {
    return unknown_json("another replacement of Metaspace than U+2581");
  }
  const bool always = flag_or(member(step, "add_prefix_space"), true);  // As older files say it.
  if (text_or(member(step, "prepend_scheme"), always ? "always" : "never") != "always") {
    return unknown_json("a prepend_scheme other than 'always'");
  }
  if (!flag_or(member(step, "split"), true)) return unknown_json("split: false");
  return {};
}

Result<void> read_pre_tokenizer(const Json& pre_tokenizer, UnigramModel& model) {
  if (text_or(member(pre_tokenizer, "type"), "") != "Sequence") {
    return check_metaspace(pre_tokenizer);
  }
  const Json& steps = member(pre_tokenizer, "pretokenizers");
  if (!steps.is_array() || steps.size() != 2 ||
      text_or(member(steps[0], "type"), "") != "WhitespaceSplit") {
    return unknown_json("pre_tokenizer");
  }
  model.split_at_white_space = true;
  return check_metaspace(steps[1]);
}

std::optional<std::int32_t> id_of(const Json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 0x7FFFFFFFU) return std::nullopt;
  return static_cast<std::int32_t>(value.get<std::uint64_t>());
}

Result<std::int32_t> template_id(const Json& processor, const Json& place) {
  const std::string name = text_or(member(member(place, "SpecialToken"), "id"), "");
  const Json& ids = member(member(member(processor, "special_tokens"), name.c_str()), "ids");
  if (!ids.is_array() || ids.size() != 1) return unknown_json("post_processor");
  const auto id = id_of(ids[0]);
  if (!id) return damaged_json("post_processor");
  return *id;
}

// What stands before and after a text: a template, or RoBERTa's own processor.
Result<void> read_post_processor(const Json& processor, UnigramModel& model) {
  const std::string type = text_or(member(processor, "type"), "");
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    const Json& first = member(processor, "cls");
    const Json& last = member(processor, "sep");
    if (!first.is_array() || first.size() != 2 || !last.is_array() || last.size() != 2) {
      return damaged_json("post_processor");
    }
    const auto first_id = id_of(first[1]);
    const auto last_id = id_of(last[1]);
    if (!first_id || !last_id) return damaged_json("post_processor");
    model.first = *first_id;
    model.last = *last_id;
    return {};
  }
  const Json& single = member(processor, "single");
  if (type != "TemplateProcessing" || !single.is_array() || single.size() != 3 ||
      member(single[1], "Sequence").is_null()) {
    return unknown_json("post_processor");
  }
  ASSIGN_OR_RETURN(model.first, template_id(processor, single[0]));
  ASSIGN_OR_RETURN(model.last, template_id(processor, single[2]));
  return {};
}

Result<void> read_added_tokens(const Json& tokens, UnigramModel& model) {
  if (!tokens.is_array()) return {};
  for (const Json& token : tokens) {
    const Json& content = member(token, "content");
    const auto id = id_of(member(token, "id"));
    if (!content.is_string() || !id) return damaged_json("added_tokens");
    if (flag_or(member(token, "single_word"), false)) {
      return unknown_json("an added token that is a single word");
    }
    const bool normalized = flag_or(member(token, "normalized"), false);
    if (normalized && content.get_ref<const std::string&>().contains(' ')) {
      return unknown_json("an added token with a space that is normalized");
    }
    model.added.push_back({.text = content.get<std::string>(),
                           .id = *id,
                           .strip_left = flag_or(member(token, "lstrip"), false),
                           .strip_right = flag_or(member(token, "rstrip"), false),
                           .normalized = normalized});
  }
  return {};
}

Result<void> read_pieces(const Json& model_json, UnigramModel& model) {
  if (flag_or(member(model_json, "byte_fallback"), false)) return unknown_json("byte_fallback");
  const Json& vocabulary = member(model_json, "vocab");
  if (!vocabulary.is_array()) return damaged_json("model.vocab");
  model.pieces.reserve(vocabulary.size());
  for (const Json& piece : vocabulary) {
    if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() || !piece[1].is_number()) {
      return damaged_json("a piece of model.vocab");
    }
    model.pieces.push_back({.text = piece[0].get<std::string>(), .score = piece[1].get<double>()});
  }
  const auto unknown = id_of(member(model_json, "unk_id"));
  if (!unknown) return unknown_json("a model without unk_id");
  model.unknown = *unknown;
  return {};
}

}  // namespace

Result<UnigramModel> detail::unigram_from_json(const Json& root) {
  UnigramModel model;
  RETURN_IF_ERROR(read_normalizer(member(root, "normalizer"), model));
  RETURN_IF_ERROR(read_pre_tokenizer(member(root, "pre_tokenizer"), model));
  RETURN_IF_ERROR(read_post_processor(member(root, "post_processor"), model));
  RETURN_IF_ERROR(read_added_tokens(member(root, "added_tokens"), model));
  RETURN_IF_ERROR(read_pieces(member(root, "model"), model));
  return model;
}

}  // namespace rage::text
